"""Documents of dedup artifacts that are similar to a text: candidates from the index, then the exact similarity."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.dedup.array_types import Hashes64, Keys, Rows
from tasks.dedup.document_shard import open_parquet, read_rows
from tasks.dedup.minhash.band_index import read_keys
from tasks.dedup.minhash.bands import BandLayout, compute_band_keys, compute_digest_keys
from tasks.dedup.minhash.index_format import read_scheme
from tasks.dedup.minhash.signatures import compute_shingle_set, reduce_to_bytes, sketch_texts
from tasks.dedup.minhash.words import build_character_table
from tasks.dedup.near_duplicates.greedy import compute_jaccard
from tasks.runtime.text_kernels import text_buffers


class SimilarDocument(NamedTuple):
    """A document that is similar to one of the texts."""

    text: int  # the position of the text in the query
    id: str
    url: str
    similarity: float


def find_similar(folders: Sequence[Path], texts: Sequence[str], min_similarity: float = 0.5) -> list[SimilarDocument]:
    """Find the documents of dedup artifacts that are similar to each text, the most similar first.

    The similarity is the exact Jaccard similarity of the word n-grams. The index finds a pair at the artifact's
    threshold with the probability that its summary names, and less similar ones less surely. Raises StageFailure when
    a folder holds no index.
    """
    matches = [match for folder in folders for match in find_similar_in(folder, texts, min_similarity)]
    return sorted(matches, key=lambda match: (match.text, -match.similarity, match.id))


def find_similar_in(folder: Path, texts: Sequence[str], min_similarity: float) -> list[SimilarDocument]:
    """Find the similar documents of one artifact, in order of its rows."""
    scheme = read_scheme(folder)
    ngram_size = scheme["shingle"]
    column = pa.array(texts, pa.large_string())
    sketches = sketch_texts(column, scheme["num_perm"], ngram_size, scheme["seed"])
    layout = BandLayout(scheme["bands"], scheme["rows"])
    # a text without words has no signature, and only exact copies are similar to it: its band keys become its digest's
    keys = compute_band_keys(reduce_to_bytes(sketches.signatures), layout)
    wordless = sketches.num_words == 0
    keys[:, wordless] = compute_digest_keys(sketches.digests[wordless], layout)
    rows = find_rows(folder, np.concatenate([keys.ravel(), compute_digest_keys(sketches.digests, layout)]))
    text_sets = compute_shingle_sets(column, ngram_size)
    return [
        SimilarDocument(text, document_id, url, similarity)
        for document_id, url, document in read_documents(folder, rows)
        for text, similarity in enumerate(compute_similarities(document, texts, text_sets, ngram_size))
        if similarity >= min_similarity
    ]


def compute_similarities(
    document: str, texts: Sequence[str], text_sets: list[Hashes64], ngram_size: int
) -> list[float]:
    """Compute the exact similarity of a document to each text; a text without words is similar to itself only."""
    (document_set,) = compute_shingle_sets(pa.array([document], pa.large_string()), ngram_size)
    return [
        float(compute_jaccard(text_set, document_set)) if len(text_set) else float(text == document)
        for text_set, text in zip(text_sets, texts, strict=True)
    ]


def compute_shingle_sets(texts: pa.Array, ngram_size: int) -> list[Hashes64]:
    """Compute the shingle set of every text."""
    data, offsets = text_buffers(texts)
    table = build_character_table()
    return [compute_shingle_set(data, start, end, table, ngram_size) for start, end in itertools.pairwise(offsets)]


def find_rows(folder: Path, keys: Keys) -> Rows:
    """Find the rows of an artifact that have one of the keys, rising; only row groups that may hold one are read."""
    rows = [np.empty(0, np.int64)]
    for key in np.unique(keys).tolist():
        rows += [key_rows.astype(np.int64) for _, key_rows in read_keys(folder, key, key)]
    return np.unique(np.concatenate(rows))


def read_documents(folder: Path, rows: Rows) -> list[tuple[str, str, str]]:
    """Read id, url and text of some rows (rising) of an artifact, which are counted through all of its files."""
    documents: list[tuple[str, str, str]] = []
    start = 0
    for path in sorted((folder / "documents").glob("*.parquet")):
        with open_parquet(path) as file:
            num_rows = file.metadata.num_rows
        file_rows = rows[(rows >= start) & (rows < start + num_rows)] - start
        for _, batch in read_rows(path, file_rows, ["id", "url", "text"]):
            columns = (batch.column(name).to_pylist() for name in ("id", "url", "text"))
            documents += [(str(id_), url or "", text or "") for id_, url, text in zip(*columns, strict=True)]
        start += num_rows
    return documents
