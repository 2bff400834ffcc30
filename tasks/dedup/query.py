"""Which documents of an artifact are near a text: looked up in its index, and checked by the exact similarity."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.dedup.document_shard import Rows, opened, some_rows
from tasks.dedup.minhash.band_index import written_keys
from tasks.dedup.minhash.bands import Layout, band_keys, digest_keys
from tasks.dedup.minhash.index_format import written_scheme
from tasks.dedup.minhash.signatures import U32, U64, shingle_set, sketch
from tasks.dedup.minhash.words import character_table
from tasks.dedup.near_duplicates.greedy import jaccard
from tasks.runtime.text_kernels import text_buffers


class Match(NamedTuple):
    """A document that is near the text with this number."""

    text: int
    id: str
    url: str
    similarity: float


def find_similar(folders: Sequence[Path], texts: Sequence[str], least: float = 0.5) -> list[Match]:
    """The documents of dedup artifacts that are near each text, the most similar first.

    The similarity is the exact Jaccard similarity of the word shingles. The index finds a pair at the artifact's
    threshold with the probability that its summary names, and less similar ones less surely. Raises StageFailure when
    a folder holds no index.
    """
    found = [match for folder in folders for match in near_in(folder, texts, least)]
    return sorted(found, key=lambda match: (match.text, -match.similarity, match.id))


def near_in(folder: Path, texts: Sequence[str], least: float) -> list[Match]:
    """`find_similar` for one artifact."""
    scheme = written_scheme(folder)
    column = pa.array(texts, pa.large_string())
    made = sketch(column, scheme["num_perm"], scheme["shingle"], scheme["seed"])
    of = Layout(scheme["bands"], scheme["rows"])
    bands = band_keys(made.signatures.astype(np.uint8), of)
    bands[:, made.num_words == 0] = digest_keys(made.digests[made.num_words == 0], of)
    candidates = rows_with(folder, np.concatenate([bands.ravel(), digest_keys(made.digests, of)]))
    asked = sets_of(column, scheme["shingle"])
    return [
        Match(text, identity, url, similarity)
        for identity, url, document in documents(folder, candidates)
        for text, similarity in enumerate(similarities(asked, document, scheme["shingle"], texts))
        if similarity >= least
    ]


def similarities(asked: list[U32], document: str, size: int, texts: Sequence[str]) -> list[float]:
    """The exact similarity of a document to each text; texts without words are like the same text only."""
    (own,) = sets_of(pa.array([document], pa.large_string()), size)
    return [
        float(jaccard(each, own)) if len(each) else float(text == document)
        for each, text in zip(asked, texts, strict=True)
    ]


def sets_of(texts: pa.Array, size: int) -> list[U32]:
    """The shingle set of every text."""
    data, offsets = text_buffers(texts)
    ends = itertools.pairwise(offsets)
    return [shingle_set(data, start, end, character_table(), size) for start, end in ends]


def rows_with(folder: Path, keys: U64) -> Rows:
    """The rows of an artifact that have one of the keys, rising. Only row groups that may hold one are read."""
    rows = [np.empty(0, np.int64)]
    for key in np.unique(keys).tolist():
        rows += [found.astype(np.int64) for _, found in written_keys(folder, key, key)]
    return np.unique(np.concatenate(rows))


def documents(folder: Path, rows: Rows) -> list[tuple[str, str, str]]:
    """Id, url and text of some rows (rising), numbered through the artifact's files."""
    found: list[tuple[str, str, str]] = []
    begin = 0
    for path in sorted((folder / "documents").glob("*.parquet")):
        with opened(path) as file:
            count = file.metadata.num_rows
        inside = rows[(rows >= begin) & (rows < begin + count)] - begin
        for _, batch in some_rows(path, inside, ["id", "url", "text"]):
            columns = (batch.column(name).to_pylist() for name in ("id", "url", "text"))
            found += [(str(identity), url or "", text or "") for identity, url, text in zip(*columns, strict=True)]
        begin += count
    return found
