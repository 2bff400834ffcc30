"""MinHash signatures of a column of texts, in one pass over its Arrow buffers and without a Python object a document.

The permutations are those of datasketch 2.0 (`affine32`: a·fmix32(h)+b modulo 2³², a odd), so signatures are the same
numbers as `datasketch.MinHash(num_perm, seed, hashfunc=words.shingle_hash)` makes of `words.shingles(text, size)`.
Broder, "On the resemblance and containment of documents", 1997.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.dedup.minhash.words import ALONE, CLASS_SHIFT, LETTER, SHINGLE, START, WORD, character_table
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import MIX_1, MIX_2, decode_character, mix_bits, text_buffers

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

EMPTY = 0xFFFFFFFF  # every entry of the signature of a text without words
SEEDS = (0x243F6A8885A308D3, 0x13198A2E03707344)  # of the two lanes of a digest: the first digits of π


class Sketches(NamedTuple):
    """What is kept of N texts to tell copies: all arrays have N rows."""

    signatures: U32  # (N, num_perm)
    digests: U64  # (N, 2): 128 bits of the folded words, of the raw bytes where a text has no word
    num_words: npt.NDArray[np.int64]  # (N,)


@functools.cache
def permutations(num_perm: int, seed: int) -> U32:
    """Factors (odd) and summands of the permutations, (2, num_perm): the draws of datasketch's `affine32`."""
    draw = np.random.RandomState(seed)  # datasketch's generator, or the signatures would differ
    factors = draw.randint(0, 1 << 31, num_perm, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return np.stack([factors, draw.randint(0, 1 << 32, num_perm, dtype=np.uint32)])


@jit
def word_hashes(data: Any, start: Any, end: Any, table: Any, out: Any) -> Any:
    """Hash every word of one text into `out`; returns how many."""
    count, place, inside = np.int64(0), start, np.int64(0)
    hashed = np.uint64(START)
    while place < end:
        code = np.uint32(data[place])
        if code < 0x80:
            # no branch on whether it is a letter: where words end cannot be foretold, and a wrong guess costs most
            entry = table[code]
            letter = np.int64(entry >> np.uint32(CLASS_SHIFT))
            out[count] = hashed
            count += inside & (letter ^ 1)
            stepped = (hashed ^ np.uint64(entry & np.uint32(0xFFFFFF))) * np.uint64(WORD)
            hashed = stepped if letter else np.uint64(START)
            inside, place = letter, place + 1
            continue
        code, place = decode_character(data, place, end)
        entry = table[code] if code < table.size else np.uint32(0)
        kind, letter_hash = entry >> np.uint32(CLASS_SHIFT), np.uint64(entry & np.uint32(0xFFFFFF))
        if kind == LETTER:
            hashed, inside = (hashed ^ letter_hash) * np.uint64(WORD), np.int64(1)
            continue
        out[count] = hashed
        count, inside, hashed = count + inside, np.int64(0), np.uint64(START)
        if kind == ALONE:
            out[count] = (np.uint64(START) ^ letter_hash) * np.uint64(WORD)
            count += 1
    if inside:
        out[count] = hashed
        count += 1
    for place in range(count):
        out[place] = mix_bits(out[place])
    return count


@jit
def shingle_hashes(words: Any, num_words: Any, size: Any, out: Any) -> Any:
    """The 32-bit hash of every shingle of the hashed words into `out`; returns how many. A rolling hash."""
    rolled, leaving = np.uint64(0), np.uint64(1)
    for _ in range(size):
        leaving *= np.uint64(SHINGLE)
    count = 0
    for place in range(num_words):
        rolled = rolled * np.uint64(SHINGLE) + words[place]
        if place >= size:
            rolled -= words[place - size] * leaving
        if place >= size - 1 or place == num_words - 1:
            out[count] = np.uint32(mix_bits(rolled) >> np.uint64(32))
            count += 1
    return count


@jit
def digest(values: Any, start: Any, end: Any, out: Any) -> None:
    """128 bits of a sequence of integers, in two lanes that start and step differently."""
    one, two = np.uint64(SEEDS[0]), np.uint64(SEEDS[1])
    for place in range(start, end):
        value = np.uint64(values[place])
        one = (one ^ value) * np.uint64(MIX_1)
        one ^= one >> np.uint64(32)
        two = (two + value) * np.uint64(MIX_2)
        two ^= two >> np.uint64(29)
    out[0], out[1] = mix_bits(one), mix_bits(two ^ np.uint64(end - start))


@jit
def lower(hashes: Any, count: Any, permuted: Any, signature: Any) -> None:
    """Lower each entry of a signature to the least permuted hash. Inner loop over permutations: it is vectorised."""
    for place in range(count):
        value = hashes[place]
        value = np.uint32((value ^ value >> np.uint32(16)) * np.uint32(0x85EBCA6B))
        value = np.uint32((value ^ value >> np.uint32(13)) * np.uint32(0xC2B2AE35))
        hashes[place] = value ^ value >> np.uint32(16)
    factors, summands = permuted[0], permuted[1]
    while count % 4:  # whole groups of four: the least does not change when one is taken twice
        hashes[count] = hashes[0]
        count += 1
    # four hashes a round, so that factors, summands and signature are loaded and stored once for four
    for place in range(0, count, 4):
        first, second, third, fourth = hashes[place], hashes[place + 1], hashes[place + 2], hashes[place + 3]
        for row in range(signature.size):
            factor, summand = factors[row], summands[row]
            left = min(np.uint32(factor * first + summand), np.uint32(factor * second + summand))
            right = min(np.uint32(factor * third + summand), np.uint32(factor * fourth + summand))
            signature[row] = min(signature[row], left, right)


@jit
def sketch_rows(
    data: Any, offsets: Any, table: Any, size: Any, permuted: Any, signatures: Any, digests: Any, num: Any
) -> None:
    """Fill one row of `signatures`, `digests` and `num` (of words) for each text of an Arrow string buffer."""
    longest = 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    words = np.empty(longest // 2 + 3, np.uint64)  # a word and what parts it from the next take two bytes
    hashes = np.empty(longest // 2 + 6, np.uint32)
    for row in range(offsets.size - 1):
        start, end = offsets[row], offsets[row + 1]
        num[row] = word_hashes(data, start, end, table, words)
        if num[row] == 0:
            digest(data, start, end, digests[row])
            continue
        digest(words, 0, num[row], digests[row])
        lower(hashes, shingle_hashes(words, num[row], size, hashes), permuted, signatures[row])


@jit
def distinct(hashes: Any) -> Any:
    """The sorted different values of 32-bit hashes.

    Hashes are spread evenly, so each is put about where it belongs and takes few steps from there; `np.unique` took two
    thirds of the time of a shingle set.
    """
    bits = 1
    while 1 << bits < hashes.size:
        bits += 1
    shift = np.uint64(32 - bits)
    ends = np.zeros((1 << bits) + 1, np.int64)
    for value in hashes:
        ends[(np.uint64(value) >> shift) + np.uint64(1)] += 1
    for after in range(1, ends.size):
        ends[after] += ends[after - 1]
    ordered = np.empty_like(hashes)
    for value in hashes:
        bucket = np.uint64(value) >> shift
        ordered[ends[bucket]] = value
        ends[bucket] += 1
    count = 0
    for value in ordered:
        place = count
        while place > 0 and ordered[place - 1] > value:
            place -= 1
        if place > 0 and ordered[place - 1] == value:
            continue
        ordered[place + 1 : count + 1] = ordered[place:count]
        ordered[place] = value
        count += 1
    return ordered[:count]


@jit
def shingle_set(data: Any, start: Any, end: Any, table: Any, size: Any) -> Any:
    """The sorted different shingle hashes of one text."""
    words = np.empty((end - start) // 2 + 3, np.uint64)
    hashes = np.empty((end - start) // 2 + 2, np.uint32)
    count = shingle_hashes(words, word_hashes(data, start, end, table, words), size, hashes)
    return distinct(hashes[:count])


def sketch(texts: pa.Array | pa.ChunkedArray, num_perm: int, size: int, seed: int) -> Sketches:
    """Signatures over shingles of `size` words, and digests, of a string column."""
    made = Sketches(
        np.full((len(texts), num_perm), EMPTY, np.uint32),
        np.zeros((len(texts), 2), np.uint64),
        np.zeros(len(texts), np.int64),
    )
    begin = 0
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        data, offsets = text_buffers(chunk)
        rows = slice(begin, begin + len(offsets) - 1)
        parts = [column[rows] for column in made]
        sketch_rows(data, offsets, character_table(), size, permutations(num_perm, seed), *parts)
        begin = rows.stop
    return made


def lean(signatures: U32, seed: int) -> list[Any]:
    """Signatures (N, num_perm) as datasketch's `LeanMinHash`, for its indexes; raises ImportError without it."""
    from datasketch import LeanMinHash  # noqa: PLC0415 - only who asks for it needs it

    return [LeanMinHash(seed=seed, hashvalues=signature, scheme="affine32") for signature in signatures]
