"""Shared parts of the compiled loops over text: a column's bytes, decoding of UTF-8, and mixing of bits.

Hash tables are not shared. Those of `clean.measures`, `clean.extract.html` and `tokenize.encoder` differ in what marks
a free slot, in what an entry holds and in how entries are compared (hashes in rounds, hashes of names, pairs of ids,
bytes of a text); common to all is one line of linear probing.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from tasks.runtime import hashing
from tasks.runtime.array_types import Bytes, Offsets
from tasks.runtime.jit import jit_inline


def text_buffers(texts: pa.Array) -> tuple[Bytes, Offsets]:
    """Return the UTF-8 bytes of a string column, uncopied, and its offsets (rows + 1). A null is an empty text.

    Raises TypeError for a column of anything but string or large_string.
    """
    wide = texts.type == pa.large_string()
    if not wide and texts.type != pa.string():
        raise TypeError(f"texts are {texts.type}, not string or large_string")
    _, offsets, data = texts.buffers()
    # An array without values may have no buffers. `string` has offsets of 32 bits (up to 2 GiB), `large_string` of 64:
    # kernels are compiled for 64 alone.
    ends = np.frombuffer(offsets, np.int64 if wide else np.int32) if offsets else np.zeros(1, np.int64)
    # A slice shares the buffers of its array: its offsets are a part of them, and still count from the first byte of
    # all.
    ends = ends[texts.offset : texts.offset + len(texts) + 1].astype(np.int64, copy=False)
    return np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), ends


@jit_inline
def decode_character(data: Any, position: Any, end: Any) -> Any:
    """Decode the UTF-8 character at `position`; return its code point (0 if invalid) and the next position."""
    # An unsigned index, because numba adds a comparison and a branch to each signed one: it might count from the end.
    lead = np.uint32(data[np.uint64(position)])
    if lead < 0x80:
        return lead, position + 1
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    # A byte 10xxxxxx cannot begin a character. Continuation bytes and overlong forms are not checked: strings of Arrow
    # are UTF-8, and a range of their bytes can be wrong only at its ends.
    if lead < 0xC0 or position + length > end:
        return np.uint32(0), position + 1
    # a lead byte of 2, 3 or 4 bytes holds 5, 4 or 3 bits of the code point: masks 0x1F, 0x0F and 0x07
    code = lead & np.uint32(0x7F >> length)
    for step in range(1, length):
        code = code << np.uint32(6) | np.uint32(data[position + step]) & np.uint32(0x3F)
    return code, position + length


mix_bits = jit_inline(hashing.mix_bits)
