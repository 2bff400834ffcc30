"""What repeats among the words of a text, and among its characters."""

from typing import Any

import numpy as np

from tasks.clean.characters import FLAGS, MIX_1, POINT, SPACE, STEP, decode, mixed
from tasks.clean.seen import emptied, place_of
from tasks.compiled import compiled

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
def ngram_characters(
    hashes: Any, lengths: Any, number: Any, seen: Any, times: Any, rounds: Any, powers: Any, out: Any
) -> Any:
    """Characters in the most frequent 2- to 4-gram, and in 5- to 10-grams that stood before; returns the rounds.

    Only where an n-gram stands twice can an (n+1)-gram: so each n looks at the places that are left from the last.
    """
    mask = emptied(number)
    sums, before = np.empty(number + 1, np.uint64), np.empty(number + 1, np.int64)
    sums[0], before[0] = np.uint64(0), 0
    for word in range(number):
        sums[word + 1] = sums[word] * np.uint64(STEP) + hashes[word]
        before[word + 1] = before[word] + lengths[word]
    starts, places, left = np.arange(number), np.empty(number, np.int64), number
    for size in range(SMALLEST, LARGEST + 1):
        rounds += 1
        power = powers[size]
        kept = 0
        for row in range(left):
            start = starts[row]
            if start + size > number:
                break
            # a sum of products is mixed well enough but for its low bits
            value = sums[start + size] - sums[start] * power
            place = place_of(seen, mask, rounds, (value ^ value >> np.uint64(32)) * np.uint64(MIX_1))
            if place < 0:
                place = -1 - place
                times[place] = 0
            times[place] += 1
            starts[kept], places[kept] = start, place
            kept += 1
        left = twice(starts, places, times, kept)
        if size <= LARGEST_TOP:
            out[size - SMALLEST] = top(starts, places, times, left, before, size, number)
        elif not left:
            break
        else:
            out[size - SMALLEST] = duplicates(starts, places, times, left, before, size)
    return rounds


@compiled
def twice(starts: Any, places: Any, times: Any, left: Any) -> Any:
    """Keep the places of n-grams that stand there more than once; returns how many."""
    kept = 0
    for row in range(left):
        if times[places[row]] > 1:
            starts[kept], places[kept] = starts[row], places[row]
            kept += 1
    return kept


@compiled
def top(starts: Any, places: Any, times: Any, left: Any, before: Any, size: Any, number: Any) -> Any:
    """Characters in all occurrences of the most frequent n-gram, with a space between words; of several the first."""
    if number < size:
        return 0
    most, best = 1, 0
    for row in range(left):
        if times[places[row]] > most:
            most, best = times[places[row]], starts[row]
    return most * (before[best + size] - before[best] + size - 1)


@compiled
def duplicates(starts: Any, places: Any, times: Any, left: Any, before: Any, size: Any) -> Any:
    """Characters of words in n-grams that stood before, none counted twice."""
    free, repeated = 0, 0
    for row in range(left):
        start = starts[row]
        if start < free:
            continue
        if times[places[row]] < 0:  # it was there before
            repeated += before[start + size] - before[start]
            free = start + size
        else:
            times[places[row]] *= -1
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
