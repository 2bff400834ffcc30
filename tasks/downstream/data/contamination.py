"""Check that models are not scored on texts that they were pretrained on.

A held-out document whose id is among the training documents is an error. Partial overlap of test texts is measured by
13-grams, the size that GPT-3 used (arXiv:2005.14165, appendix C): here over tokens, because the shards store tokens,
and hashing every 13-gram of millions of tokens takes seconds.
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tasks.errors import StageFailure
from tasks.runtime.literal_text import hide_special_tokens

log = logging.getLogger("textmill.evaluate")

NGRAM_TOKENS = 13
# odd, so that multiplying is a bijection modulo 2**64 and the first token of an n-gram keeps its influence
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
BITMAP_BITS = 24
BITMAP_SHIFT = np.uint64(64 - BITMAP_BITS)


@dataclass(frozen=True)
class TextOverlap:
    """Counts of the texts of one test set that overlap with the training text."""

    # the names of these fields are keys in the results of an evaluation
    texts: int
    short: int
    """texts of fewer than 13 tokens, which have no 13-gram"""
    overlapping: int
    """texts with a 13-gram that is in the training text"""
    covered_share: float
    """mean fraction of a text's 13-grams that are in the training text"""


@dataclass(frozen=True)
class Contamination:
    """The result of the check, over held-out documents and test sets."""

    heldout_documents: int
    training_documents: int
    training_tokens: int
    shared_ids: int
    overlapping_documents: int
    sets: dict[str, TextOverlap]
    """test set → its overlap"""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON types."""
        return asdict(self)


def read_token_shards(tokens: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield the memory-mapped Arrow tables of the training and validation parts of every snapshot."""
    for folder in (snapshot / part for snapshot in tokens for part in ("train", "validation")):
        for path in sorted(folder.glob("*.arrow")):
            yield pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def hash_ngrams(token_ids: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """Return one 64-bit hash for each of the len(token_ids) - 12 n-grams of 13 tokens, in order.

    The hash is a polynomial of the tokens modulo 2**64 whose bits are mixed at the end. A text that is shorter than
    an n-gram has none.
    """
    count = len(token_ids) - NGRAM_TOKENS + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    # plus one, so that the token 0 contributes to the sum too
    shifted = token_ids.astype(np.uint64) + np.uint64(1)
    total = np.zeros(count, dtype=np.uint64)
    for offset in range(NGRAM_TOKENS):
        # uint64 arithmetic wraps around modulo 2^64, which is what is meant.
        total *= MULTIPLIER
        total += shifted[offset : offset + count]
    # mixes all bits into the top ones, which index the bitmap of find_training_ngrams
    total ^= total >> np.uint64(29)
    total *= np.uint64(0xBF58476D1CE4E5B9)
    return total ^ (total >> np.uint64(32))


def read_training_ids(tokens: Sequence[Path]) -> tuple[set[str], int]:
    """Return the ids of all documents in the training and validation shards, and the number of tokens in them."""
    ids: set[str] = set()
    num_tokens = 0
    for table in read_token_shards(tokens):
        ids.update(table["id"].to_pylist())
        num_tokens += sum(len(chunk.values) for chunk in table["input_ids"].chunks)
    return ids, num_tokens


def find_training_ngrams(tokens: Sequence[Path], sorted_hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return for each of the sorted, distinct hashes whether an n-gram of the training text has it.

    N-grams do not cross the boundary of a document.
    """
    in_training = np.zeros(len(sorted_hashes), dtype=np.bool_)
    if not len(sorted_hashes):
        return in_training
    # looking up the first 24 bits in a bitmap costs a tenth of a binary search and rejects most n-grams
    bitmap = np.zeros(1 << BITMAP_BITS, dtype=np.bool_)
    bitmap[sorted_hashes >> BITMAP_SHIFT] = True
    for table in read_token_shards(tokens):
        for chunk in table["input_ids"].chunks:
            # offsets and values of the chunk, so that no document becomes a Python list
            offsets = chunk.offsets.to_numpy()
            # `values` are those of the whole buffer; the offsets point into it.
            values = chunk.values.to_numpy(zero_copy_only=False)
            for start, stop in itertools.pairwise(offsets):
                hashes = hash_ngrams(values[start:stop])
                hashes = hashes[bitmap[hashes >> BITMAP_SHIFT]]
                # searchsorted may return the length, one behind the last index.
                indices = np.minimum(np.searchsorted(sorted_hashes, hashes), len(sorted_hashes) - 1)
                in_training[indices[sorted_hashes[indices] == hashes]] = True
    return in_training


def check_contamination(tokens: Sequence[Path], heldout: pl.DataFrame, sets: dict[str, list[str]]) -> Contamination:
    """Compare held-out documents and the texts of every test set with the pretraining text of all snapshots.

    `sets` maps the name of a test set to its texts. Raises StageFailure when a held-out document was trained on.
    """
    # an id is cheap to check, and a shared one makes all scores meaningless: it is the only error here
    ids, num_tokens = read_training_ids(tokens)
    shared = sorted(ids.intersection(heldout["id"].to_list()))
    if shared:
        raise StageFailure(
            f"{len(shared)} held-out documents are also in the pretraining text (id {shared[0]} is one), "
            "so the scores would mean nothing",
            "Run the tokenize stage again with --force tokenize",
        )
    # read as the shards were: a special token that is spelled in a text is text
    tokenizer = hide_special_tokens(Tokenizer.from_file(str(tokens[0] / "tokenizer" / "tokenizer.json")))
    documents = _hash_texts(tokenizer, heldout["text"].to_list())
    hashes_of_sets = {name: _hash_texts(tokenizer, texts) for name, texts in sets.items()}
    sorted_hashes = np.unique(np.concatenate([*documents, *itertools.chain(*hashes_of_sets.values())]))
    in_training = find_training_ngrams(tokens, sorted_hashes)
    return Contamination(
        heldout_documents=len(heldout),
        training_documents=len(ids),
        training_tokens=num_tokens,
        shared_ids=0,
        overlapping_documents=_measure_overlap(documents, sorted_hashes, in_training).overlapping,
        sets={name: _measure_overlap(texts, sorted_hashes, in_training) for name, texts in hashes_of_sets.items()},
    )


def _hash_texts(tokenizer: Tokenizer, texts: list[str]) -> list[NDArray[np.uint64]]:
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    # A repeated n-gram counts once in a text's fraction.
    return [np.unique(hash_ngrams(np.array(encoding.ids, dtype=np.uint32))) for encoding in encodings]


def _measure_overlap(
    texts: list[NDArray[np.uint64]], sorted_hashes: NDArray[np.uint64], in_training: NDArray[np.bool_]
) -> TextOverlap:
    fractions = [
        # Exact positions: each of these hashes is in `sorted_hashes`.
        float(in_training[np.searchsorted(sorted_hashes, hashes)].mean()) if len(hashes) else 0.0
        for hashes in texts
    ]
    return TextOverlap(
        texts=len(texts),
        short=sum(not len(hashes) for hashes in texts),
        overlapping=sum(fraction > 0 for fraction in fractions),
        covered_share=round(float(np.mean(fractions)), 6) if fractions else 0.0,
    )
