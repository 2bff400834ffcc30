"""Hashes of lower-case words: runs of letters and digits; in scripts without spaces each code point."""

import numpy as np

from tasks.clean.kernel_types import Bytes, CharacterTable, Hashes, Index, Offsets
from tasks.clean.measures.characters import FLAG_SHIFT, HASH_STEP, POINT_MASK, WORD, WORD_ALONE
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import decode_character, mix_bits


@jit
def hash_tokens(data: Bytes, position: Index, end: Index, table: CharacterTable, out: Hashes) -> Index:
    """Write the hash of every word of the text data[position:end] to `out`; return the number of words."""
    # `out` has room for a word a byte
    num_words, in_word, word_hash = 0, False, np.uint64(0)
    while position < end:
        code, position = decode_character(data, position, end)
        entry = table[code] if code < table.size else code
        flags = entry >> np.uint32(FLAG_SHIFT)
        letter = np.uint64(entry & np.uint32(POINT_MASK))
        if flags & np.uint32(WORD) and not flags & np.uint32(WORD_ALONE):
            word_hash, in_word = (word_hash ^ letter) * np.uint64(HASH_STEP), True
            continue
        if in_word:
            out[num_words] = mix_bits(word_hash)
            num_words, in_word, word_hash = num_words + 1, False, np.uint64(0)
        if flags & np.uint32(WORD_ALONE):
            out[num_words] = mix_bits(letter * np.uint64(HASH_STEP))
            num_words += 1
    if in_word:
        out[num_words] = mix_bits(word_hash)
        num_words += 1
    return num_words


@jit
def find_longest(offsets: Offsets) -> Index:
    """Return the number of bytes of the longest text, at least 1: room for the words of any of the texts."""
    longest = 1
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest
