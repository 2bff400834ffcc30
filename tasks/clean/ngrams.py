"""What repeats among the words of a text, and among its characters."""

from typing import Any

import numpy as np

from tasks.clean.characters import FLAGS, POINT, SPACE, STEP
from tasks.clean.seen import emptied, place_of
from tasks.compiled import compiled, inlined
from tasks.kernels import MIX_1, MIX_2, decode, mixed

# The largest n first counted in full, and from there only what stood before.
SMALLEST, LARGEST_TOP, LARGEST = 2, 4, 10
CHARACTERS = 13  # in an n-gram of characters
COUNTS = (
    *(f"num_top_{size}_gram_characters" for size in range(SMALLEST, LARGEST_TOP + 1)),
    *(f"num_duplicate_{size}_gram_characters" for size in range(LARGEST_TOP + 1, LARGEST + 1)),
)


@compiled
def powers_of(step: Any, most: Any) -> Any:
    """0th to `most`th power, modulo 2^64."""
    powers = np.ones(most + 1, np.uint64)
    for exponent in range(1, most + 1):
        powers[exponent] = powers[exponent - 1] * np.uint64(step)
    return powers


@compiled
def ngram_characters(hashes: Any, lengths: Any, number: Any, seen: Any, places: Any, rounds: Any, out: Any) -> Any:
    """Characters in the most frequent 2- to 4-gram, and in 5- to 10-grams that stood before; returns the rounds.

    Only where an n-gram stands twice can an (n+1)-gram: so each n looks at the places that are left from the last. Most
    of them go on there as in the first place; only the others are looked up.
    """
    mask = emptied(number)
    before = np.empty(number + 1, np.int64)
    before[0] = 0
    for word in range(number):
        before[word + 1] = before[word] + lengths[word]
    first, times = np.empty(number, np.int32), np.empty(number, np.int32)
    starts, left = np.arange(number).astype(np.int32), max(number - 1, 0)
    for start in range(left):
        first[start] = first_of(hashes, start, SMALLEST, start, seen, places, mask, rounds)
    for size in range(SMALLEST, LARGEST + 1):
        if size > SMALLEST:
            rounds += 1
            left -= 1 if left and starts[left - 1] + size > number else 0
            for row in range(left):
                start = starts[row]
                same = first[start]
                if hashes[same + size - 1] != hashes[start + size - 1]:
                    first[start] = first_of(hashes, start, size, same, seen, places, mask, rounds)
        left = twice(starts, first, times, left)
        if size <= LARGEST_TOP:
            out[size - SMALLEST] = top(starts, first, times, left, before, size, number)
        elif not left:
            break
        else:
            out[size - SMALLEST] = duplicates(starts, first, times, left, before, size)
    return rounds


@inlined
def first_of(hashes: Any, start: Any, size: Any, same: Any, seen: Any, places: Any, mask: Any, round_: Any) -> Any:
    """Where the n-gram at `start` stood first; `same` tells apart what stands before its last word."""
    value = np.uint64(same) * np.uint64(MIX_2) + hashes[start + size - 1]
    if size == SMALLEST:
        value = hashes[start] * np.uint64(STEP) + hashes[start + 1]
    value = (value ^ value >> np.uint64(32)) * np.uint64(MIX_1)
    place = np.int64(value >> np.uint64(32)) & mask
    entry = np.uint64(round_) << np.uint64(32) | value & np.uint64(0xFFFFFFFF)
    while True:
        held = seen[place]
        stood, free = held == entry, held >> np.uint64(32) != np.uint64(round_)
        if stood | free:
            break
        place = (place + 1) & mask
    # arithmetic, because nobody can predict which of the two it is
    found = start + (places[place] - start) * np.int64(stood)
    seen[place], places[place] = entry, found
    return found


@inlined
def twice(starts: Any, first: Any, times: Any, left: Any) -> Any:
    """Count the n-grams, and keep the places of those that stand there more than once; returns how many."""
    for row in range(left):
        same = first[starts[row]]
        times[same] = times[same] * np.int32(same != starts[row]) + 1  # arithmetic, as in `first_of`
    kept = 0
    for row in range(left):
        starts[kept] = starts[row]
        kept += times[first[starts[row]]] > 1
    return kept


@inlined
def top(starts: Any, first: Any, times: Any, left: Any, before: Any, size: Any, number: Any) -> Any:
    """Characters in all occurrences of the most frequent n-gram, with a space between words; of several the first."""
    if number < size:
        return 0
    most, best = 1, 0
    for row in range(left):
        if times[first[starts[row]]] > most:
            most, best = times[first[starts[row]]], starts[row]
    return most * (before[best + size] - before[best] + size - 1)


@inlined
def duplicates(starts: Any, first: Any, times: Any, left: Any, before: Any, size: Any) -> Any:
    """Characters of words in n-grams that stood before, none counted twice."""
    free, repeated = 0, 0
    for row in range(left):
        start = starts[row]
        if start < free:
            continue
        if times[first[start]] < 0:  # it was there before
            repeated += before[start + size] - before[start]
            free = start + size
        else:
            times[first[start]] *= -1
    return repeated


@compiled
def repeated_characters(text: Any, table: Any, seen: Any, times: Any, mask: Any, round_: Any, powers: Any) -> Any:
    """Occurrences of n-grams of characters that are not alone, and of all: white space apart, lower case."""
    window = np.zeros(CHARACTERS, np.uint64)
    place, rolled, count, repeated = 0, np.uint64(0), 0, 0
    while place < text.size:
        code, place = decode(text, place, text.size)
        entry = table[code] if code < table.size else code
        if entry >> np.uint32(FLAGS) & np.uint32(SPACE):
            continue
        letter = np.uint64(entry & np.uint32(POINT))
        rolled = rolled * np.uint64(STEP) + letter - window[count % CHARACTERS] * powers[CHARACTERS]
        window[count % CHARACTERS] = letter
        count += 1
        if count >= CHARACTERS:
            at = place_of(seen, mask, round_, mixed(rolled))
            times[at if at >= 0 else -1 - at] = 1 if at < 0 else times[at] + 1
            repeated += 0 if at < 0 else 2 if times[at] == 2 else 1
    return repeated, max(count - CHARACTERS + 1, 0)
