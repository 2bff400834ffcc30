"""Count words and phrases of a list in texts, in time that does not depend on the length of the list."""

import numpy as np
import polars as pl

from tasks.clean.kernel_types import Bytes, CharacterTable, Counts, Hash, Hashes, Index, Offsets
from tasks.clean.measures.characters import HASH_STEP, build_character_table, read_buffers
from tasks.clean.measures.hash_table import choose_mask, has_value, insert_or_get
from tasks.clean.measures.tokens import find_longest, hash_tokens
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

MAX_PHRASE_WORDS = 64  # the words of a phrase beyond these are ignored


def count_phrases(texts: pl.Series, phrases: list[str]) -> pl.Series:
    """Return for each text the number of positions at which a phrase begins, as complete words in any case."""
    data, offsets = read_buffers(texts)
    counts = np.zeros(len(texts), np.int64)
    fill_phrase_counts(
        data, offsets, build_character_table(), *read_buffers(pl.Series(phrases, dtype=pl.String)), counts
    )
    return pl.Series(texts.name, counts)


@jit
def fill_phrase_counts(
    data: Bytes, offsets: Offsets, table: CharacterTable, phrases: Bytes, phrase_offsets: Offsets, counts: Counts
) -> None:
    """Fill `counts`: hash the list, then look up every run of words that is as long as some phrase."""
    # one round (`base` 1) for the whole list; positions play no part, so all are 0
    mask = choose_mask(phrase_offsets.size)
    hashes = np.zeros(mask + 1, np.uint64)
    has_size = np.zeros(MAX_PHRASE_WORDS + 1, np.bool_)
    words = np.empty(max(find_longest(offsets), find_longest(phrase_offsets)), np.uint64)
    for row in range(phrase_offsets.size - 1):
        size = min(hash_tokens(phrases, phrase_offsets[row], phrase_offsets[row + 1], table, words), MAX_PHRASE_WORDS)
        has_size[size] = True
        if size:
            insert_or_get(hashes, mask, 1, hash_run(words, 0, size), 0)
    sizes = np.flatnonzero(has_size[1:]) + 1
    for row in range(offsets.size - 1):
        num_words = hash_tokens(data, offsets[row], offsets[row + 1], table, words)
        for start in range(num_words):
            for size in sizes:
                if start + size <= num_words and has_value(hashes, mask, 1, hash_run(words, start, size)):
                    counts[row] += 1
                    break  # a position counts once


@jit
def hash_run(words: Hashes, start: Index, size: Index) -> Hash:
    """Return the hash of `size` words from `start` on."""
    # begins with the size, so that a phrase and a longer one with it differ from the start
    value = np.uint64(size)
    for position in range(start, start + size):
        value = (value ^ words[position]) * np.uint64(HASH_STEP)
    return mix_bits(value)
