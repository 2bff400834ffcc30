"""Lower-case words for looking up: runs of letters and digits; in scripts without spaces each code point."""

from typing import Any

import numpy as np

from tasks.clean.measures.characters import ALONE, FLAGS, STEP, WORD
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import decode_character, mix_bits


@jit
def tokens(data: Any, place: Any, end: Any, table: Any, out: Any) -> Any:
    """The hash of every word of a text into `out`; returns how many."""
    number, inside, hashed = 0, False, np.uint64(0)
    while place < end:
        code, place = decode_character(data, place, end)
        entry = table[code] if code < table.size else code
        flags = entry >> np.uint32(FLAGS)
        letter = np.uint64(entry & np.uint32(0x1FFFFF))
        if flags & np.uint32(WORD) and not flags & np.uint32(ALONE):
            hashed, inside = (hashed ^ letter) * np.uint64(STEP), True
            continue
        if inside:
            out[number] = mix_bits(hashed)
            number, inside, hashed = number + 1, False, np.uint64(0)
        if flags & np.uint32(ALONE):
            out[number] = mix_bits(letter * np.uint64(STEP))
            number += 1
    if inside:
        out[number] = mix_bits(hashed)
        number += 1
    return number


@jit
def longest_of(offsets: Any) -> Any:
    """Room for the words of any of the texts: so many bytes has the longest one."""
    longest = 1
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest
