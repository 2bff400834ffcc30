"""Repeated n-grams of the words of a text, and of its characters."""

import numpy as np

from tasks.clean.kernel_types import Bytes, CharacterTable, Counts, Hash, Hashes, HashTable, Index, Lengths, Positions
from tasks.clean.measures.characters import FLAG_SHIFT, HASH_STEP, POINT_MASK, SPACE
from tasks.clean.measures.hash_table import choose_mask, insert_or_get
from tasks.runtime.hashing import MIX_1, MIX_2
from tasks.runtime.jit import jit, jit_inline
from tasks.runtime.text_kernels import decode_character, mix_bits

# Sizes of word n-grams: up to MAX_TOP_SIZE the most frequent one is counted, above it all that repeat an earlier one.
MIN_SIZE, MAX_TOP_SIZE, MAX_SIZE = 2, 4, 10
CHARACTER_NGRAM = 13  # characters of a character n-gram
COUNT_NAMES = (
    *(f"num_top_{size}_gram_characters" for size in range(MIN_SIZE, MAX_TOP_SIZE + 1)),
    *(f"num_duplicate_{size}_gram_characters" for size in range(MAX_TOP_SIZE + 1, MAX_SIZE + 1)),
)


@jit
def compute_powers(base: Hash, max_exponent: Index) -> Hashes:
    """Return the powers 0 to `max_exponent` of a number, modulo 2^64."""
    powers = np.ones(max_exponent + 1, np.uint64)
    for exponent in range(1, max_exponent + 1):
        powers[exponent] = powers[exponent - 1] * np.uint64(base)
    return powers


@jit
def count_ngram_characters(
    hashes: Hashes,
    cumulative: Lengths,
    num_words: Index,
    table: HashTable,
    base: Index,
    work: tuple[Positions, Positions, Positions],
    out: Counts,
) -> Index:
    """Fill `out` with the characters in the top 2- to 4-gram and in duplicate 5- to 10-grams; return the next `base`.

    `cumulative` is the number of characters before each word. `work` is space for three arrays: the positions that are
    still candidates, for each the first position of its n-gram, and the number of occurrences by first position.

    Only where an n-gram occurs twice can an (n+1)-gram: so each n looks at the positions that are left from n - 1. Most
    of them continue with the same word as the first occurrence did; only the others are looked up.
    """
    starts, first, times = work
    mask, num_left = choose_mask(num_words), max(num_words - 1, 0)
    for start in range(num_left):
        value = hashes[start] * np.uint64(HASH_STEP) + hashes[start + 1]
        starts[start] = start
        first[start] = count_occurrence(times, start, insert_or_get(table, mask, base, spread_bits(value), start))
    for size in range(MIN_SIZE, MAX_SIZE + 1):
        if size > MIN_SIZE:
            base += num_words
            num_left = keep_repeated(starts, first, times, num_left)
            # positions rise, so only the last can be too near to the end for one word more
            num_left -= 1 if num_left and starts[num_left - 1] + size > num_words else 0
            for row in range(num_left):
                # not `start`: numba makes a float64 of a variable that is int64 in one place and uint64 in another
                position, same = np.uint64(starts[row]), np.uint64(first[row])
                word = hashes[position + np.uint64(size - 1)]
                if hashes[same + np.uint64(size - 1)] != word:
                    # the (n-1)-gram is known by its first position, so that and the next word identify the n-gram
                    value = same * np.uint64(MIX_2) + word
                    same = np.uint64(insert_or_get(table, mask, base, spread_bits(value), position))
                first[row] = count_occurrence(times, position, same)
        if size <= MAX_TOP_SIZE:
            out[size - MIN_SIZE] = count_top_characters(starts, first, times, num_left, cumulative, size, num_words)
        # not for the smaller sizes: where nothing repeats, their top n-gram still occurs once
        elif not num_left:
            break
        else:
            out[size - MIN_SIZE] = count_duplicate_characters(starts, first, times, num_left, cumulative, size)
    return base + num_words


@jit_inline
def spread_bits(value: Hash) -> Hash:
    """Make the upper half of a value depend on all its bits: `insert_or_get` takes its slot from there."""
    return (value ^ value >> np.uint64(32)) * np.uint64(MIX_1)


@jit_inline
def count_occurrence(times: Positions, start: Index, same: Index) -> Index:
    """Count the n-gram at `start`, which first occurred at `same`; return `same`."""
    same = np.uint64(same)
    # starts at 1 where start == same, whatever an earlier n left there: arithmetic, as in `insert_or_get`
    times[same] = times[same] * np.int32(same != np.uint64(start)) + np.int32(1)
    return same


@jit_inline
def keep_repeated(starts: Positions, first: Positions, times: Positions, num_left: Index) -> Index:
    """Keep the positions of n-grams that occur more than once; return their number."""
    num_kept = 0
    for row in range(num_left):
        start, same = starts[row], first[row]
        starts[num_kept], first[num_kept] = start, same
        num_kept += abs(times[np.uint64(same)]) > 1  # negative after `count_duplicate_characters`
    return num_kept


@jit_inline
def count_top_characters(
    starts: Positions,
    first: Positions,
    times: Positions,
    num_left: Index,
    cumulative: Lengths,
    size: Index,
    num_words: Index,
) -> Index:
    """Return the characters in all occurrences of the most frequent n-gram, with a space between words.

    Of several n-grams that are equally frequent it is the first.
    """
    if num_words < size:
        return 0
    max_times, best = 1, 0
    for row in range(num_left):
        count = times[np.uint64(first[row])]
        if count > max_times:
            max_times, best = count, starts[row]
    return max_times * (cumulative[best + size] - cumulative[best] + size - 1)


@jit_inline
def count_duplicate_characters(
    starts: Positions, first: Positions, times: Positions, num_left: Index, cumulative: Lengths, size: Index
) -> Index:
    """Return the characters of words in n-grams that repeat an earlier one, none counted twice.

    Negates `times` of the n-grams that it has met: the next n only needs their absolute values.
    """
    next_free, repeated = 0, 0  # words before `next_free` are counted already
    for row in range(num_left):
        start = starts[row]
        if start < next_free:
            continue
        same = np.uint64(first[row])
        if times[same] < 0:  # it was met before
            repeated += cumulative[start + size] - cumulative[start]
            next_free = start + size
        else:
            times[same] *= -1
    return repeated


@jit
def count_repeated_characters(
    text: Bytes, table: CharacterTable, seen: HashTable, mask: Index, base: Index, times: Positions, powers: Hashes
) -> tuple[Index, Index]:
    """Return the number of character n-grams that occur more than once, and of all: in lower case, without white space.

    The hash is a polynomial in HASH_STEP, which is rolled over the text: `powers` are its powers.
    """
    window = np.zeros(CHARACTER_NGRAM, np.uint64)
    position, rolling, count, repeated = 0, np.uint64(0), 0, 0
    while position < text.size:
        code, position = decode_character(text, position, text.size)
        entry = table[code] if code < table.size else code
        if entry >> np.uint32(FLAG_SHIFT) & np.uint32(SPACE):
            continue
        letter = np.uint64(entry & np.uint32(POINT_MASK))
        oldest = count % CHARACTER_NGRAM
        # uint64 wraps, so the letter that leaves is taken out exactly; the window begins with zeros, which take out
        # nothing
        rolling = rolling * np.uint64(HASH_STEP) + letter - window[oldest] * powers[CHARACTER_NGRAM]
        window[oldest] = letter
        count += 1
        if count >= CHARACTER_NGRAM:
            first = insert_or_get(seen, mask, base, mix_bits(rolling), count)
            times[first] = 1 if first == count else times[first] + 1
            # with the second occurrence the first one counts, too
            repeated += 0 if first == count else 2 if times[first] == 2 else 1
    return repeated, max(count - CHARACTER_NGRAM + 1, 0)
