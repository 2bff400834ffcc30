"""Document weights: documents of some languages and sources are trained on more or less often, as repeated rows.

Rows are repeated, and no weights stand beside them, because then any reader of a shard trains on what it should.
"""

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.tokenize.settings import Weight

HOST_PATTERN = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/:?#]*)"
UNKNOWN = "unknown"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def multiply_weights(rules: list[Weight], language: str, source: str) -> float:
    """Return the product of all weights that match."""
    return math.prod(rule.weight for rule in rules if rule.matches(language, source))


def read_languages(documents: pa.RecordBatch) -> pa.Array:
    """Return the language of each document, UNKNOWN where it has none."""
    return pc.fill_null(documents.column("language"), UNKNOWN)


def read_sources(documents: pa.RecordBatch) -> pa.Array:
    """Return the column `source`; where it is null, the host of the URL, and UNKNOWN where there is none."""
    matches = pc.extract_regex(documents.column("url"), HOST_PATTERN)
    # of no rows pyarrow makes no struct with a field
    hosts = pc.utf8_lower(pc.struct_field(matches, "host")) if len(matches) else documents.column("url")
    hosts = pc.if_else(pc.equal(hosts, ""), None, hosts)
    return pc.fill_null(pc.coalesce(documents.column("source"), hosts), UNKNOWN)


def draw_repeat_counts(weights: Floats, numbers: Floats) -> Ints:
    """Return how often each document is repeated: its weight on average.

    The whole part of the weight, and once more where the text's own number in [0, 1) is below the rest.
    """
    whole = np.floor(weights)
    return (whole + (numbers < weights - whole)).astype(np.int64)


def compute_weights(rules: list[Weight], documents: pa.RecordBatch) -> Floats:
    """Return the weight of each document."""
    if not rules:
        return np.ones(documents.num_rows)
    pairs = list(zip(read_languages(documents).to_pylist(), read_sources(documents).to_pylist(), strict=True))
    weight_of = {pair: multiply_weights(rules, *pair) for pair in set(pairs)}
    return np.array([weight_of[pair] for pair in pairs])


def repeat_rows(repeats: Ints) -> Ints:
    """Return the rows to take: all once, then those that come twice, and so on, so no row follows its own repeat."""
    # one round for each repeat: round n has the rows that come more than n times
    rounds = [np.flatnonzero(repeats > num_done) for num_done in range(int(repeats.max(initial=0)))]
    return np.concatenate([np.zeros(0, np.int64), *rounds])
