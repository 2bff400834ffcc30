"""The small steps through the bytes of a page that reading tags is made of."""

from typing import Any

import numpy as np

from tasks.clean.kernel_types import Byte, Bytes, Hash, Index
from tasks.runtime.hashing import FNV_BASIS, FNV_PRIME
from tasks.runtime.jit import jit

BANG, QUOTE, APOSTROPHE, DASH, SLASH, COLON, SEMICOLON, LESS, EQUALS, GREATER, QUESTION = map(ord, "!\"'-/:;<=>?")
BASIS, PRIME = np.uint64(FNV_BASIS), np.uint64(FNV_PRIME)


@jit
def look_up(keys: Any, values: Any, key: Hash) -> Any:
    """Return the value of a hash, or 0 when it is not in the table."""
    # Only hashes are compared, not names: with a few hundred keys of 64 bits a false match does not happen. The loop
    # ends, because at least three quarters of the slots are free (`tags.build_hash_table`).
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != 0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + np.uint64(1)) & mask
    return np.uint32(0)


@jit
def is_letter(byte: Byte) -> Any:
    return 65 <= byte <= 90 or 97 <= byte <= 122


@jit
def is_letter_or_digit(byte: Byte) -> Any:
    return 48 <= byte <= 57 or is_letter(byte)


@jit
def lower_byte(byte: Byte) -> Any:
    """Return an ASCII letter in lower case, any other byte unchanged."""
    return byte | np.uint8(0x20) if 65 <= byte <= 90 else byte


@jit
def skip_space(data: Bytes, position: Index) -> Any:
    """Return the position of the next byte that is not white space, or the end."""
    while position < len(data) and data[position] <= 32:
        position += 1
    return position


@jit
def skip_past(data: Bytes, position: Index, sign: int) -> Any:
    """Return the position after the next byte `sign`, or the end."""
    while position < len(data) and data[position] != sign:
        position += 1
    return min(position + 1, len(data))


@jit
def read_name(data: Bytes, position: Index) -> Any:
    """Return the hash of the name at a position, in lower case, and where the name ends."""
    key = BASIS
    while (
        position < len(data)
        and data[position] > 32
        and data[position] != EQUALS
        and data[position] != GREATER
        and data[position] != SLASH
    ):
        key = (key ^ np.uint64(lower_byte(data[position]))) * PRIME
        position += 1
    return key, position


@jit
def read_value(data: Bytes, position: Index) -> Any:
    """Return where the value of an attribute begins and ends, and where to go on."""
    if position < len(data) and (data[position] == QUOTE or data[position] == APOSTROPHE):
        stop = skip_past(data, position + 1, data[position])
        # `skip_past` also returns the end of the page where no quotation mark follows; the opening one does not count
        closed = stop > position + 1 and data[stop - 1] == data[position]
        return position + 1, stop - 1 if closed else stop, stop
    stop = position
    while stop < len(data) and data[stop] > 32 and data[stop] != GREATER:
        stop += 1
    return position, stop, stop
