"""What repeats among the words of a text, and among its characters."""

from typing import Any

import numpy as np

from tasks.clean.measures.characters import FLAGS, POINT, SPACE, STEP
from tasks.clean.measures.hash_table import emptied, first_of
from tasks.runtime.jit import jit, jit_inline
from tasks.runtime.text_kernels import MIX_1, MIX_2, decode_character, mix_bits

# The largest n first counted in full, and from there only what stood before.
SMALLEST, LARGEST_TOP, LARGEST = 2, 4, 10
CHARACTERS = 13  # in an n-gram of characters
COUNTS = (
    *(f"num_top_{size}_gram_characters" for size in range(SMALLEST, LARGEST_TOP + 1)),
    *(f"num_duplicate_{size}_gram_characters" for size in range(LARGEST_TOP + 1, LARGEST + 1)),
)


@jit
def powers_of(step: Any, most: Any) -> Any:
    """0th to `most`th power, modulo 2^64."""
    powers = np.ones(most + 1, np.uint64)
    for exponent in range(1, most + 1):
        powers[exponent] = powers[exponent - 1] * np.uint64(step)
    return powers


@jit
def ngram_characters(hashes: Any, before: Any, number: Any, table: Any, since: Any, work: Any, out: Any) -> Any:
    """Characters in the most frequent 2- to 4-gram, and in 5- to 10-grams that stood before; returns the new `since`.

    Only where an n-gram stands twice can an (n+1)-gram: so each n looks at the places that are left from the last. Most
    of them go on there as in the first place; only the others are looked up.
    """
    starts, first, times = work
    mask, left = emptied(number), max(number - 1, 0)
    for start in range(left):
        value = hashes[start] * np.uint64(STEP) + hashes[start + 1]
        starts[start] = start
        first[start] = counted(times, start, first_of(table, mask, since, spread(value), start))
    for size in range(SMALLEST, LARGEST + 1):
        if size > SMALLEST:
            since += number
            left = twice(starts, first, times, left)
            left -= 1 if left and starts[left - 1] + size > number else 0
            for row in range(left):
                place, same = np.uint64(starts[row]), np.uint64(first[row])
                word = hashes[place + np.uint64(size - 1)]
                if hashes[same + np.uint64(size - 1)] != word:
                    value = same * np.uint64(MIX_2) + word
                    same = np.uint64(first_of(table, mask, since, spread(value), place))
                first[row] = counted(times, place, same)
        if size <= LARGEST_TOP:
            out[size - SMALLEST] = top(starts, first, times, left, before, size, number)
        elif not left:
            break
        else:
            out[size - SMALLEST] = duplicates(starts, first, times, left, before, size)
    return since + number


@jit_inline
def spread(value: Any) -> Any:
    """Bits that depend on all bits, for `first_of`."""
    return (value ^ value >> np.uint64(32)) * np.uint64(MIX_1)


@jit_inline
def counted(times: Any, start: Any, same: Any) -> Any:
    """Count the n-gram at `start`, which stood first at `same`; returns `same`."""
    same = np.uint64(same)
    times[same] = times[same] * np.int32(same != np.uint64(start)) + np.int32(1)  # arithmetic, as in `first_of`
    return same


@jit_inline
def twice(starts: Any, first: Any, times: Any, left: Any) -> Any:
    """Keep the places of n-grams that stand there more than once; returns how many."""
    kept = 0
    for row in range(left):
        start, same = starts[row], first[row]
        starts[kept], first[kept] = start, same
        kept += abs(times[np.uint64(same)]) > 1  # below 0 after `duplicates`
    return kept


@jit_inline
def top(starts: Any, first: Any, times: Any, left: Any, before: Any, size: Any, number: Any) -> Any:
    """Characters in all occurrences of the most frequent n-gram, with a space between words; of several the first."""
    if number < size:
        return 0
    most, best = 1, 0
    for row in range(left):
        count = times[np.uint64(first[row])]
        if count > most:
            most, best = count, starts[row]
    return most * (before[best + size] - before[best] + size - 1)


@jit_inline
def duplicates(starts: Any, first: Any, times: Any, left: Any, before: Any, size: Any) -> Any:
    """Characters of words in n-grams that stood before, none counted twice."""
    free, repeated = 0, 0
    for row in range(left):
        start = starts[row]
        if start < free:
            continue
        same = np.uint64(first[row])
        if times[same] < 0:  # it was there before
            repeated += before[start + size] - before[start]
            free = start + size
        else:
            times[same] *= -1
    return repeated


@jit
def repeated_characters(text: Any, table: Any, seen: Any, mask: Any, since: Any, times: Any, powers: Any) -> Any:
    """Occurrences of n-grams of characters that are not alone, and of all: white space apart, lower case."""
    window = np.zeros(CHARACTERS, np.uint64)
    place, rolled, count, repeated = 0, np.uint64(0), 0, 0
    while place < text.size:
        code, place = decode_character(text, place, text.size)
        entry = table[code] if code < table.size else code
        if entry >> np.uint32(FLAGS) & np.uint32(SPACE):
            continue
        letter = np.uint64(entry & np.uint32(POINT))
        rolled = rolled * np.uint64(STEP) + letter - window[count % CHARACTERS] * powers[CHARACTERS]
        window[count % CHARACTERS] = letter
        count += 1
        if count >= CHARACTERS:
            at = first_of(seen, mask, since, mix_bits(rolled), count)
            times[at] = 1 if at == count else times[at] + 1
            repeated += 0 if at == count else 2 if times[at] == 2 else 1
    return repeated, max(count - CHARACTERS + 1, 0)
