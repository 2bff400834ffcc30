"""How often texts hold words and phrases of a list, whatever the length of the list."""

from typing import Any

import numpy as np
import polars as pl

from tasks.clean.measures.characters import STEP, bytes_of, character_table
from tasks.clean.measures.hash_table import emptied, first_of, is_in
from tasks.clean.measures.tokens import longest_of, tokens
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

LONGEST = 64  # words of a phrase that count


def hits(texts: pl.Series, phrases: list[str]) -> pl.Series:
    """For each text the number of places where one of the phrases begins, as whole words in any case."""
    data, offsets = bytes_of(texts)
    found = np.zeros(len(texts), np.int64)
    count(data, offsets, character_table(), *bytes_of(pl.Series(phrases, dtype=pl.String)), found)
    return pl.Series(texts.name, found)


@jit
def count(data: Any, offsets: Any, table: Any, listed: Any, ends: Any, found: Any) -> None:
    """Fill `found`: hash the list, then look up every run of words that is as long as a phrase."""
    mask = emptied(ends.size)
    known = np.zeros(mask + 1, np.uint64)
    has_size = np.zeros(LONGEST + 1, np.bool_)
    words = np.empty(max(longest_of(offsets), longest_of(ends)), np.uint64)
    for row in range(ends.size - 1):
        size = min(tokens(listed, ends[row], ends[row + 1], table, words), LONGEST)
        has_size[size] = True
        if size:
            first_of(known, mask, 1, of_run(words, 0, size), 0)
    sizes = np.flatnonzero(has_size[1:]) + 1
    for row in range(offsets.size - 1):
        number = tokens(data, offsets[row], offsets[row + 1], table, words)
        for start in range(number):
            for size in sizes:
                if start + size <= number and is_in(known, mask, 1, of_run(words, start, size)):
                    found[row] += 1
                    break


@jit
def of_run(words: Any, start: Any, size: Any) -> Any:
    """The hash of a run of words."""
    hashed = np.uint64(size)
    for place in range(start, start + size):
        hashed = (hashed ^ words[place]) * np.uint64(STEP)
    return mix_bits(hashed)
