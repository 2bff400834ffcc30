"""MinHash signatures of a column of texts, in one pass over its Arrow buffers and without a Python object a document.

The permutations are those of datasketch 2.0 (`affine32`: a·fmix32(h)+b modulo 2³², a odd), so signatures are the same
numbers as `datasketch.MinHash(num_perm, seed, hashfunc=words.hash_shingle)` makes of `words.iterate_shingles(text, n)`.
Broder, "On the resemblance and containment of documents", 1997.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.dedup.array_types import (
    CharacterTable,
    Digests,
    Hashes32,
    Hashes64,
    Rows,
    SignatureBytes,
    Signatures,
)
from tasks.dedup.minhash.words import (
    CLASS_SHIFT,
    HASH_START,
    LETTER,
    SHINGLE_FACTOR,
    SINGLE,
    WORD_FACTOR,
    build_character_table,
)
from tasks.runtime.array_types import Bytes, Offsets
from tasks.runtime.hashing import MIX_1, MIX_2
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import decode_character, mix_bits, text_buffers

EMPTY = 0xFFFFFFFF  # every entry of the signature of a text without words
BYTE_FACTOR = 0x9E3779B1  # the prime next to 2^32 divided by the golden ratio
SEEDS = (0x243F6A8885A308D3, 0x13198A2E03707344)  # of the two lanes of a digest: the first digits of π


class TextSketches(NamedTuple):
    """Signatures and digests of N texts, by which duplicates are told: all arrays have N rows."""

    signatures: Signatures  # (N, num_perm)
    digests: Digests  # (N, 2): 128 bits of the folded words, of the raw bytes where a text has no word
    num_words: Rows  # (N,)


@functools.cache
def draw_permutations(num_perm: int, seed: int) -> Signatures:
    """Draw factors (odd) and summands of the permutations, (2, num_perm), as datasketch's `affine32` does."""
    generator = np.random.RandomState(seed)  # datasketch's generator, or the signatures would differ
    # twice a number plus one is odd, and an odd factor makes h → a·h + b a permutation modulo 2^32
    factors = generator.randint(0, 1 << 31, num_perm, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return np.stack([factors, generator.randint(0, 1 << 32, num_perm, dtype=np.uint32)])


@jit
def hash_words(data: Bytes, start: int, end: int, table: CharacterTable, out: Hashes64) -> Any:
    """Write the hash of every word of `data[start:end]` to `out`; returns how many words there are.

    `out` has room for (end - start) // 2 + 3 hashes.
    """
    count, position, in_word = np.int64(0), start, np.int64(0)
    hashed = np.uint64(HASH_START)
    while position < end:
        code = np.uint32(data[position])
        if code < 0x80:
            # ASCII without a branch on "is it a letter": a processor cannot predict where words end, and a wrong
            # prediction costs more than all else here. So `out[count]` is always written, and `count` moves on only
            # where a word ends.
            entry = table[code]
            # LETTER is 1, and no ASCII character is SINGLE: the class is a truth value
            letter = np.int64(entry >> np.uint32(CLASS_SHIFT))
            out[count] = hashed
            count += in_word & (letter ^ 1)
            extended = (hashed ^ np.uint64(entry & np.uint32(0xFFFFFF))) * np.uint64(WORD_FACTOR)
            hashed = extended if letter else np.uint64(HASH_START)
            in_word, position = letter, position + 1
            continue
        code, position = decode_character(data, position, end)
        entry = table[code] if code < table.size else np.uint32(0)
        character_class, folded = entry >> np.uint32(CLASS_SHIFT), np.uint64(entry & np.uint32(0xFFFFFF))
        if character_class == LETTER:
            hashed, in_word = (hashed ^ folded) * np.uint64(WORD_FACTOR), np.int64(1)
            continue
        out[count] = hashed
        count, in_word, hashed = count + in_word, np.int64(0), np.uint64(HASH_START)
        if character_class == SINGLE:
            out[count] = (np.uint64(HASH_START) ^ folded) * np.uint64(WORD_FACTOR)
            count += 1
    if in_word:
        out[count] = hashed
        count += 1
    for index in range(count):
        out[index] = mix_bits(out[index])
    return count


@jit
def hash_shingles(words: Hashes64, num_words: int, size: int, shift: Any, out: Hashes64 | Hashes32) -> Any:
    """Write the hash of every shingle of `size` words to `out`; returns how many shingles there are.

    A hash has 64 bits less the low `shift` ones. A text of fewer words has one shingle of all of them. A rolling hash
    (Rabin, Karp): the word that leaves the window is subtracted with the factor that it has been multiplied by since
    it entered.
    """
    rolling, leaving_factor = np.uint64(0), np.uint64(1)
    for _ in range(size):
        leaving_factor *= np.uint64(SHINGLE_FACTOR)
    count = 0
    for index in range(num_words):
        rolling = rolling * np.uint64(SHINGLE_FACTOR) + words[index]
        if index >= size:
            rolling -= words[index - size] * leaving_factor
        if index >= size - 1 or index == num_words - 1:
            out[count] = mix_bits(rolling) >> shift
            count += 1
    return count


@jit
def digest_values(values: Any, start: int, end: int, out: Any) -> None:
    """Write 128 bits of the integers `values[start:end]` to `out`, in two lanes that start and step differently."""
    one, two = np.uint64(SEEDS[0]), np.uint64(SEEDS[1])
    for index in range(start, end):
        value = np.uint64(values[index])
        one = (one ^ value) * np.uint64(MIX_1)
        one ^= one >> np.uint64(32)
        two = (two + value) * np.uint64(MIX_2)
        two ^= two >> np.uint64(29)
    out[0], out[1] = mix_bits(one), mix_bits(two ^ np.uint64(end - start))


@jit
def update_minima(hashes: Hashes32, count: int, permutations: Signatures, signature: Any) -> None:
    """Lower each entry of a signature to the least permuted hash of the first `count`; `hashes` is overwritten.

    The inner loop runs over permutations, so that the compiler vectorises it.
    """
    # numba computes with uint32 in 64 bits: every np.uint32(…) below cuts the result to modulo 2^32.
    for index in range(count):  # fmix32, the finaliser of MurmurHash3
        value = hashes[index]
        value = np.uint32((value ^ value >> np.uint32(16)) * np.uint32(0x85EBCA6B))
        value = np.uint32((value ^ value >> np.uint32(13)) * np.uint32(0xC2B2AE35))
        hashes[index] = value ^ value >> np.uint32(16)
    factors, summands = permutations[0], permutations[1]
    while count % 4:  # fill up to whole groups of four: a minimum does not change when a hash is taken twice
        hashes[count] = hashes[0]
        count += 1
    # four hashes a round, so that factors, summands and signature are loaded and stored once for four
    for index in range(0, count, 4):
        first, second, third, fourth = hashes[index], hashes[index + 1], hashes[index + 2], hashes[index + 3]
        for row in range(signature.size):
            factor, summand = factors[row], summands[row]
            left = min(np.uint32(factor * first + summand), np.uint32(factor * second + summand))
            right = min(np.uint32(factor * third + summand), np.uint32(factor * fourth + summand))
            signature[row] = min(signature[row], left, right)


@jit
def sketch_rows(
    data: Bytes,
    offsets: Offsets,
    table: CharacterTable,
    size: int,
    permutations: Signatures,
    signatures: Signatures,
    digests: Digests,
    num_words: Rows,
) -> None:
    """Fill one row of `signatures`, `digests` and `num_words` for each text of an Arrow string buffer."""
    longest = 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    words = np.empty(longest // 2 + 3, np.uint64)  # a word and what separates it from the next take two bytes
    hashes = np.empty(longest // 2 + 6, np.uint32)  # `update_minima` adds up to three
    for row in range(offsets.size - 1):
        start, end = offsets[row], offsets[row + 1]
        num_words[row] = hash_words(data, start, end, table, words)
        if num_words[row] == 0:
            digest_values(data, start, end, digests[row])
            continue
        digest_values(words, 0, num_words[row], digests[row])
        count = hash_shingles(words, num_words[row], size, np.uint64(32), hashes)
        update_minima(hashes, count, permutations, signatures[row])


@jit
def sort_unique(hashes: Hashes64) -> Any:
    """Return the different values of hashes, sorted.

    Hashes are spread evenly, so one counting sort by their top bits puts each about where it belongs, and an insertion
    sort moves it a few steps from there; `np.unique` took two thirds of the time of a shingle set.
    """
    bits = 1
    while 1 << bits < hashes.size:
        bits += 1
    shift = np.uint64(8 * hashes.itemsize - bits)
    ends = np.zeros((1 << bits) + 1, np.int64)
    for value in hashes:
        ends[(np.uint64(value) >> shift) + np.uint64(1)] += 1
    for after in range(1, ends.size):
        ends[after] += ends[after - 1]
    # now `ends[b]` is where bucket b begins, and each value that goes there moves it on
    ordered = np.empty_like(hashes)
    for value in hashes:
        bucket = np.uint64(value) >> shift
        ordered[ends[bucket]] = value
        ends[bucket] += 1
    count = 0
    for value in ordered:
        position = count
        while position > 0 and ordered[position - 1] > value:
            position -= 1
        if position > 0 and ordered[position - 1] == value:
            continue
        # the slices overlap, and numba then copies the source first; all writes are before the next value to read
        ordered[position + 1 : count + 1] = ordered[position:count]
        ordered[position] = value
        count += 1
    return ordered[:count]


@jit
def compute_shingle_set(data: Bytes, start: int, end: int, table: CharacterTable, size: int) -> Any:
    """Return the different shingle hashes of the text `data[start:end]`, sorted.

    They have 64 bits, of which signatures are made of the upper 32. Of a million texts of one shingle each some hundred
    pairs have equal 32 bits, and would pass for equal texts.
    """
    words = np.empty((end - start) // 2 + 3, np.uint64)
    hashes = np.empty((end - start) // 2 + 2, np.uint64)
    count = hash_shingles(words, hash_words(data, start, end, table, words), size, np.uint64(0), hashes)
    return sort_unique(hashes[:count])


def sketch_texts(texts: pa.Array | pa.ChunkedArray, num_perm: int, size: int, seed: int) -> TextSketches:
    """Compute signatures over shingles of `size` words, and digests, of a string column."""
    sketches = TextSketches(
        np.full((len(texts), num_perm), EMPTY, np.uint32),
        np.zeros((len(texts), 2), np.uint64),
        np.zeros(len(texts), np.int64),
    )
    start = 0
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        data, offsets = text_buffers(chunk)
        rows = slice(start, start + len(offsets) - 1)
        signatures, digests, num_words = sketches.signatures[rows], sketches.digests[rows], sketches.num_words[rows]
        permutations = draw_permutations(num_perm, seed)
        sketch_rows(data, offsets, build_character_table(), size, permutations, signatures, digests, num_words)
        start = rows.stop
    return sketches


def reduce_to_bytes(signatures: Signatures) -> SignatureBytes:
    """Reduce each entry of signatures (N, num_perm) to a byte.

    A quarter of the space for an estimate that is as good as the whole one but for 1/256 (Li, König, "b-Bit Minwise
    Hashing", WWW 2010). Their low bits will not do here. The low byte of a·h+b depends on the
    low byte of h alone, so two texts of one shingle with the same low byte would agree in all entries. The top byte of
    a product (Knuth, "Sorting and Searching", 6.4) depends on all bits, and entries agree by chance independently.
    """
    mixed: Signatures = signatures * np.uint32(BYTE_FACTOR)  # modulo 2^32
    return (mixed >> np.uint32(24)).astype(np.uint8)


def to_lean_minhash(signatures: Signatures, seed: int) -> list[Any]:
    """Convert signatures (N, num_perm) to datasketch's `LeanMinHash`, for its indexes; ImportError without it."""
    from datasketch import LeanMinHash  # noqa: PLC0415 - an optional dependency

    return [LeanMinHash(seed=seed, hashvalues=signature, scheme="affine32") for signature in signatures]
