"""Did the model see what it is scored on? No held-out document may be in the pretraining text, and a count says so.

Identity is checked by document id. Overlap is counted by 13-grams, the window of GPT-3 (arXiv:2005.14165, appendix C):
here over tokens, because tokens are what the shards keep, and a rolling hash over them costs seconds for millions.
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

log = logging.getLogger("textmill.evaluate")

WINDOW = 13
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that every token keeps its weight modulo 2**64
FIRST_BITS = np.uint64(64 - 24)


@dataclass(frozen=True)
class Overlap:
    """What the texts of one test set share with the training text."""

    texts: int
    short: int
    """texts of fewer than 13 tokens, which have no run to share"""
    overlapping: int
    """texts with a 13-gram that is in the training text"""
    covered_share: float
    """mean share of a text's 13-grams that are there"""


@dataclass(frozen=True)
class Contamination:
    """What the check found."""

    heldout_documents: int
    training_documents: int
    training_tokens: int
    shared_ids: int
    overlapping_documents: int
    sets: dict[str, Overlap]
    """of every test set"""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def shards(tokens: Sequence[Path]) -> Iterator[pa.Table]:
    """The Arrow tables of training and validation of every snapshot, memory-mapped."""
    for folder in (each / part for each in tokens for part in ("train", "validation")):
        for path in sorted(folder.glob("*.arrow")):
            yield pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def window_hashes(token_ids: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """One 64-bit hash per window of 13 tokens: the windows' polynomial, modulo 2**64, its bits mixed at the end."""
    count = len(token_ids) - WINDOW + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    shifted = token_ids.astype(np.uint64) + np.uint64(1)
    total = np.zeros(count, dtype=np.uint64)
    for offset in range(WINDOW):
        total *= MULTIPLIER
        total += shifted[offset : offset + count]
    total ^= total >> np.uint64(29)
    total *= np.uint64(0xBF58476D1CE4E5B9)
    return total ^ (total >> np.uint64(32))


def training_ids(tokens: Sequence[Path]) -> tuple[set[str], int]:
    """The ids of all documents in the training and validation shards, and how many tokens these hold."""
    ids: set[str] = set()
    num_tokens = 0
    for table in shards(tokens):
        ids.update(table["id"].to_pylist())
        num_tokens += sum(len(chunk.values) for chunk in table["input_ids"].chunks)
    return ids, num_tokens


def seen_hashes(tokens: Sequence[Path], wanted: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """For every sorted, distinct hash whether the training text has it. Windows may not cross documents."""
    seen = np.zeros(len(wanted), dtype=np.bool_)
    if not len(wanted):
        return seen
    # a bitmap of the hashes' first 24 bits turns most windows away at a tenth of a search's price
    maybe = np.zeros(1 << 24, dtype=np.bool_)
    maybe[wanted >> FIRST_BITS] = True
    for table in shards(tokens):
        for chunk in table["input_ids"].chunks:
            offsets = chunk.offsets.to_numpy()
            values = chunk.values.to_numpy(zero_copy_only=False)
            for start, stop in itertools.pairwise(offsets):
                hashes = window_hashes(values[start:stop])
                hashes = hashes[maybe[hashes >> FIRST_BITS]]
                places = np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)
                seen[places[wanted[places] == hashes]] = True
    return seen


def check(tokens: Sequence[Path], heldout: pl.DataFrame, sets: dict[str, list[str]]) -> Contamination:
    """Compare held-out documents and the texts of every test set with the pretraining text.

    Raises StageFailure when a held-out document's id is among the trained ones.
    """
    ids, num_tokens = training_ids(tokens)
    shared = sorted(ids.intersection(heldout["id"].to_list()))
    if shared:
        raise StageFailure(
            f"{len(shared)} held-out documents are also in the pretraining text (id {shared[0]} is one), "
            "so the scores would mean nothing",
            "Run the tokenize stage again with --force tokenize",
        )
    tokenizer = Tokenizer.from_file(str(tokens[0] / "tokenizer" / "tokenizer.json"))
    documents = _hashed(tokenizer, heldout["text"].to_list())
    hashed = {name: _hashed(tokenizer, texts) for name, texts in sets.items()}
    wanted = np.unique(np.concatenate([*documents, *itertools.chain(*hashed.values())]))
    seen = seen_hashes(tokens, wanted)
    return Contamination(
        heldout_documents=len(heldout),
        training_documents=len(ids),
        training_tokens=num_tokens,
        shared_ids=0,
        overlapping_documents=_overlap(documents, wanted, seen).overlapping,
        sets={name: _overlap(hashes, wanted, seen) for name, hashes in hashed.items()},
    )


def _hashed(tokenizer: Tokenizer, texts: list[str]) -> list[NDArray[np.uint64]]:
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [np.unique(window_hashes(np.array(each.ids, dtype=np.uint32))) for each in encoded]


def _overlap(texts: list[NDArray[np.uint64]], wanted: NDArray[np.uint64], seen: NDArray[np.bool_]) -> Overlap:
    shares = [float(seen[np.searchsorted(wanted, hashes)].mean()) if len(hashes) else 0.0 for hashes in texts]
    return Overlap(
        texts=len(texts),
        short=sum(not len(hashes) for hashes in texts),
        overlapping=sum(share > 0 for share in shares),
        covered_share=round(float(np.mean(shares)), 6),
    )
