"""N-grams of words, found by 64-bit hashes: 32 bits would find a million of them in any large corpus by chance."""

import itertools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.dedup.evaluation_sets import files_of, texts_of
from tasks.dedup.minhash.signatures import U64, word_hashes
from tasks.dedup.minhash.words import SHINGLE, character_table, spans
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits, text_buffers

FIRST_BITS = 24


class Wanted(NamedTuple):
    """Sorted hashes of n-grams, the set that each is of, and a bitmap of their first bits.

    The bitmap turns away most n-grams of a text at a tenth of a search's price.
    """

    hashes: U64
    of: npt.NDArray[np.int64]
    maybe: npt.NDArray[np.bool_]


def wanted(sets: list[U64]) -> Wanted:
    """The n-grams of several sets; one that several have counts for the first."""
    every = np.concatenate([np.empty(0, np.uint64), *sets])
    of = np.repeat(np.arange(len(sets)), [len(each) for each in sets])
    hashes, first = np.unique(every, return_index=True)
    maybe = np.zeros(1 << FIRST_BITS, np.bool_)
    maybe[hashes >> np.uint64(64 - FIRST_BITS)] = True
    return Wanted(hashes, of[first], maybe)


@jit
def roll(words: Any, num_words: Any, size: Any, out: Any) -> Any:
    """The 64-bit hash of every `size` consecutive words into `out`; returns how many. A rolling hash."""
    rolled, leaving = np.uint64(0), np.uint64(1)
    for _ in range(size):
        leaving *= np.uint64(SHINGLE)
    for place in range(num_words):
        rolled = rolled * np.uint64(SHINGLE) + words[place]
        if place >= size:
            rolled -= words[place - size] * leaving
        if place >= size - 1:
            out[place - size + 1] = mix_bits(rolled)
    return max(num_words - size + 1, 0)


@jit
def windows(data: Any, start: Any, end: Any, table: Any, size: Any) -> Any:
    """The hash of every n-gram of one text."""
    words = np.empty((end - start) // 2 + 3, np.uint64)
    hashes = np.empty((end - start) // 2 + 3, np.uint64)
    return hashes[: roll(words, word_hashes(data, start, end, table, words), size, hashes)]


def window_hashes(data: Any, start: int, end: int, size: int) -> U64:
    """The hash of every n-gram of one text: bytes from start to end."""
    found: U64 = windows(data, start, end, character_table(), size)
    return found


@jit
def mark(data: Any, offsets: Any, table: Any, size: Any, hashes: Any, maybe: Any, hit: Any) -> None:
    """Set `hit` of each text that has a wanted n-gram."""
    for row in range(offsets.size - 1):
        for hashed in windows(data, offsets[row], offsets[row + 1], table, size):
            if maybe[hashed >> np.uint64(64 - FIRST_BITS)]:
                place = np.searchsorted(hashes, hashed)
                if place < hashes.size and hashes[place] == hashed:
                    hit[row] = True
                    break


class Hit(NamedTuple):
    """A wanted n-gram in a text: its hash, its set, and its first character and the one after its last."""

    hashed: int
    of: int
    start: int
    end: int


def hits(text: str, size: int, among: Wanted) -> list[Hit]:
    """Every wanted n-gram of a text, in order."""
    data = np.frombuffer(text.encode(), np.uint8)
    found = window_hashes(data, 0, len(data), size)
    places = np.minimum(np.searchsorted(among.hashes, found), max(len(among.hashes) - 1, 0))
    words = spans(text)
    return [
        Hit(int(found[place]), int(among.of[places[place]]), words[place][0], words[place + size - 1][1])
        for place in np.flatnonzero(among.hashes[places] == found).tolist()
    ]


def hashes_of(path: str, size: int) -> tuple[U64, int]:
    """The different hashes of all n-grams of a set, sorted; and how many of its texts are shorter than one."""
    parts, short = [np.empty(0, np.uint64)], 0
    for file in files_of(path):
        # a lone surrogate of a JSON escape has no UTF-8
        texts = [text.encode(errors="replace").decode() for text in texts_of(file)]
        data, offsets = text_buffers(pa.array(texts, pa.large_string()))
        for start, end in itertools.pairwise(offsets):
            found = window_hashes(data, start, end, size)
            parts.append(found)
            short += not len(found)
    return np.unique(np.concatenate(parts)), short


def evaluation_sets(paths: tuple[str, ...], size: int) -> tuple[Wanted, dict[str, int]]:
    """The n-grams of all sets, and for each set how many texts are too short to be found."""
    found = {path: hashes_of(path, size) for path in paths}
    return wanted([hashes for hashes, _ in found.values()]), {path: short for path, (_, short) in found.items()}
