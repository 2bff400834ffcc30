"""N-grams of words, compared by 64-bit hashes: of 32-bit ones, a large corpus would hold a million by chance."""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.dedup.array_types import CharacterTable, Hashes64, Rows
from tasks.dedup.evaluation_sets import list_files, read_texts
from tasks.dedup.minhash.signatures import hash_words
from tasks.dedup.minhash.words import SHINGLE_FACTOR, build_character_table, find_word_spans
from tasks.runtime.array_types import Bytes, Flags, Offsets
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits, text_buffers

# 2^24 truth values are 16 MB.
PREFIX_BITS = 24


class EvaluationNgrams(NamedTuple):
    """The n-grams of all evaluation sets, for a search in two steps.

    A look-up in `prefixes` turns away most n-grams of a text at a tenth of the price of a search in `hashes`.
    """

    hashes: Hashes64  # sorted
    set_index: Rows  # the set that each hash is of
    prefixes: Flags  # whether a hash begins with these PREFIX_BITS bits


def index_ngrams(sets: list[Hashes64]) -> EvaluationNgrams:
    """Index the n-gram hashes of several sets; one that several sets have counts for the first."""
    all_hashes = np.concatenate([np.empty(0, np.uint64), *sets])
    set_index = np.repeat(np.arange(len(sets)), [len(hashes) for hashes in sets])
    hashes, first = np.unique(all_hashes, return_index=True)
    prefixes = np.zeros(1 << PREFIX_BITS, np.bool_)
    prefixes[hashes >> np.uint64(64 - PREFIX_BITS)] = True
    return EvaluationNgrams(hashes, set_index[first], prefixes)


@jit
def roll_hashes(words: Hashes64, num_words: int, size: int, out: Hashes64) -> Any:
    """Write the hash of every `size` consecutive words to `out`; returns how many. A rolling hash (Rabin, Karp)."""
    # repeats `signatures.hash_shingles`: an inlined step for both, which gets the array of words, made both a sixth
    # slower
    # all of it modulo 2^64, so the word that leaves the window is taken out exactly
    rolling, leaving_factor = np.uint64(0), np.uint64(1)
    for _ in range(size):
        leaving_factor *= np.uint64(SHINGLE_FACTOR)
    for index in range(num_words):
        rolling = rolling * np.uint64(SHINGLE_FACTOR) + words[index]
        if index >= size:
            rolling -= words[index - size] * leaving_factor
        if index >= size - 1:
            out[index - size + 1] = mix_bits(rolling)
    return max(num_words - size + 1, 0)


@jit
def hash_ngrams(data: Bytes, start: int, end: int, table: CharacterTable, size: int) -> Any:
    """Return the hash of every n-gram of the text `data[start:end]`, in order."""
    words = np.empty((end - start) // 2 + 3, np.uint64)  # a word and what separates it from the next take two bytes
    hashes = np.empty((end - start) // 2 + 3, np.uint64)
    return hashes[: roll_hashes(words, hash_words(data, start, end, table, words), size, hashes)]


def compute_ngram_hashes(data: Bytes, start: int, end: int, size: int) -> Hashes64:
    """Return the hash of every n-gram of the text `data[start:end]`, in order."""
    hashes: Hashes64 = hash_ngrams(data, start, end, build_character_table(), size)
    return hashes


@jit
def mark_matching_texts(
    data: Bytes,
    offsets: Offsets,
    table: CharacterTable,
    size: int,
    hashes: Hashes64,
    prefixes: Flags,
    matches: Flags,
) -> None:
    """Set `matches` of each text that has one of the n-grams with these hashes."""
    for row in range(offsets.size - 1):
        for hashed in hash_ngrams(data, offsets[row], offsets[row + 1], table, size):
            if prefixes[hashed >> np.uint64(64 - PREFIX_BITS)]:
                index = np.searchsorted(hashes, hashed)
                if index < hashes.size and hashes[index] == hashed:
                    matches[row] = True
                    break


class NgramMatch(NamedTuple):
    """An n-gram of an evaluation set in a text: `text[start:end]`."""

    ngram_hash: int
    set_index: int
    start: int
    end: int


def find_matches(text: str, size: int, ngrams: EvaluationNgrams) -> list[NgramMatch]:
    """Find every n-gram of a text that an evaluation set has, in order."""
    data = np.frombuffer(text.encode(), np.uint8)
    hashes = compute_ngram_hashes(data, 0, len(data), size)
    # a hash above all of the sets' has an index behind the last
    indices = np.minimum(np.searchsorted(ngrams.hashes, hashes), max(len(ngrams.hashes) - 1, 0))
    words = find_word_spans(text)
    return [
        NgramMatch(int(hashes[word]), int(ngrams.set_index[indices[word]]), words[word][0], words[word + size - 1][1])
        for word in np.flatnonzero(ngrams.hashes[indices] == hashes).tolist()
    ]


def hash_evaluation_set(path: str, size: int) -> tuple[Hashes64, int]:
    """Return the different n-gram hashes of a set, sorted, and how many of its texts are shorter than an n-gram."""
    hashes, num_short = [np.empty(0, np.uint64)], 0
    for file in list_files(path):
        # a lone surrogate of a JSON escape has no UTF-8
        texts = [text.encode(errors="replace").decode() for text in read_texts(file)]
        data, offsets = text_buffers(pa.array(texts, pa.large_string()))
        for start, end in itertools.pairwise(offsets):
            text_hashes = compute_ngram_hashes(data, start, end, size)
            hashes.append(text_hashes)
            num_short += not len(text_hashes)
    return np.unique(np.concatenate(hashes)), num_short


def load_evaluation_ngrams(paths: tuple[str, ...], size: int) -> tuple[EvaluationNgrams, int]:
    """Load the n-grams of all sets, and count their texts that are too short to be found."""
    sets = [hash_evaluation_set(path, size) for path in dict.fromkeys(paths)]
    return index_ngrams([hashes for hashes, _ in sets]), sum(num_short for _, num_short in sets)
