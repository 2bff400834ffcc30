"""How often each document is trained on: weights of languages and sources, as repeated rows.

Repeated rows, and not weights beside the rows, because then a shard is what is trained on, for any reader.
"""

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.tokenize.settings import Weight

HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/:?#]*)"
UNKNOWN = "unknown"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def weight(rules: list[Weight], language: str, source: str) -> float:
    """The product of all weights that match."""
    return math.prod(rule.weight for rule in rules if rule.matches(language, source))


def read_languages(documents: pa.RecordBatch) -> pa.Array:
    """The language of each document."""
    return pc.fill_null(documents.column("language"), UNKNOWN)


def read_sources(documents: pa.RecordBatch) -> pa.Array:
    """The column `source`; where there is none, the host of the URL."""
    found = pc.extract_regex(documents.column("url"), HOST)
    hosts = pc.utf8_lower(pc.struct_field(found, "host")) if len(found) else documents.column("url")
    hosts = pc.if_else(pc.equal(hosts, ""), None, hosts)
    return pc.fill_null(pc.coalesce(documents.column("source"), hosts), UNKNOWN)


def draw_repeat_counts(weights: Floats, fractions: Floats) -> Ints:
    """How often each document is there: the whole part, and once more where the text's fraction says so."""
    whole = np.floor(weights)
    return (whole + (fractions < weights - whole)).astype(np.int64)


def compute_weights(rules: list[Weight], documents: pa.RecordBatch) -> Floats:
    """The weight of each document."""
    if not rules:
        return np.ones(documents.num_rows)
    pairs = list(zip(read_languages(documents).to_pylist(), read_sources(documents).to_pylist(), strict=True))
    known = {pair: weight(rules, *pair) for pair in set(pairs)}
    return np.array([known[pair] for pair in pairs])


def repeat_rows(times: Ints) -> Ints:
    """The rows to take: all, then those that come twice, and so on; copies never stand side by side."""
    rounds = [np.flatnonzero(times > done) for done in range(int(times.max(initial=0)))]
    return np.concatenate([np.zeros(0, np.int64), *rounds])
