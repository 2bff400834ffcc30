"""The attributes of a start tag, and the small steps through the bytes of a page that reading tags is made of."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.tags import (
    ALT,
    ARIA,
    CAPITALS,
    DISPLAY,
    DISPLAYED,
    ENCODING,
    GUTTER,
    HIDDEN,
    HIDES,
    HREF,
    LETTERS,
    LINE_NUMBER,
    LINKED,
    NAME_HINTS,
    NAMING,
    NUMBER,
    OPEN,
    OPENED,
    REVERSED,
    REVERSES,
    ROMAN,
    STYLE,
    TEX,
    TYPE,
)
from tasks.clean.kernel_types import Byte, Bytes, Hash, Index, KeysAndValues
from tasks.runtime.hashing import FNV_BASIS, FNV_PRIME
from tasks.runtime.jit import jit

BANG, QUOTE, APOSTROPHE, DASH, SLASH, COLON, SEMICOLON, LESS, EQUALS, GREATER, QUESTION = map(ord, "!\"'-/:;<=>?")
BASIS, PRIME = np.uint64(FNV_BASIS), np.uint64(FNV_PRIME)
NO_NUMBER = -(2**31)  # of a tag without a `start` or `value` that is a number
MAX_NUMBER = 10**9  # larger ones count as none


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
    return np.uint16(0)


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


@jit
def read_hints(data: Bytes, start: Index, stop: Index, keys: Any, values: Any) -> Any:
    """Return the hints of the words of an attribute's value: complete runs of letters, and the parts of camelCase.

    Names are looked up without the signs in them, too, for the hints of `NAMES`.
    """
    hints = np.uint16(0)
    # `run` hashes the letters since the last sign (`articlebody` of `articleBody`), `part` those since the last capital
    # after a small letter (`body`), `name` all since the last white space. BASIS is the hash of no letter.
    run, part, name = BASIS, BASIS, BASIS
    # one step more than there are bytes: a space behind the value ends its last word
    for position in range(start, stop + 1):
        byte = data[position] if position < stop else np.uint8(32)
        if not is_letter_or_digit(byte):
            if run != BASIS:
                hints |= look_up(keys, values, run)
                if part != run:
                    hints |= look_up(keys, values, part)
            if byte <= 32:
                if name not in (run, BASIS):
                    hints |= look_up(keys, values, name) & np.uint16(NAME_HINTS)
                name = BASIS
            run, part = BASIS, BASIS
            continue
        if 65 <= byte <= 90 and position > start and 97 <= data[position - 1] <= 122:
            hints |= look_up(keys, values, part)
            part = BASIS
        letter = np.uint64(lower_byte(byte))
        run, part, name = (run ^ letter) * PRIME, (part ^ letter) * PRIME, (name ^ letter) * PRIME
    return hints


@jit
def skip_to(data: Bytes, position: Index, stop: Index, sign: int) -> Any:
    """Return the position after the next byte `sign` and the white space behind it; at most `stop`."""
    while position < stop and data[position] != sign:
        position += 1
    position += 1
    while position < stop and data[position] <= 32:
        position += 1
    return min(position, stop)


@jit
def is_display_none(data: Bytes, start: Index, stop: Index) -> Any:
    """Return whether a style says `display: none`, by the letters d, i, s of the first word and n, e of the second."""
    # no other property begins with "dis", no other value of display with n and has e as its fourth letter
    position = start
    while position < stop and data[position] <= 32:
        position += 1
    while position + 12 <= stop:  # `display:none` has 12 bytes
        if (
            lower_byte(data[position]) == ord("d")
            and lower_byte(data[position + 1]) == ord("i")
            and lower_byte(data[position + 2]) == ord("s")
        ):
            position = skip_to(data, position, stop, COLON)
            return (
                position + 4 <= stop
                and lower_byte(data[position]) == ord("n")
                and lower_byte(data[position + 3]) == ord("e")
            )
        position = skip_to(data, position, stop, SEMICOLON)
    return False


@jit
def read_number(data: Bytes, start: Index, stop: Index) -> Any:
    """Return the integer that a value begins with (HTML standard, 2.3.4.1), or NO_NUMBER."""
    position = start
    while position < stop and data[position] <= 32:
        position += 1
    is_negative = position < stop and data[position] == DASH
    if position < stop and (is_negative or data[position] == ord("+")):
        position += 1
    first, number = position, 0
    while position < stop and 48 <= data[position] <= 57 and number <= MAX_NUMBER:
        number = 10 * number + (data[position] - 48)
        position += 1
    if position == first or number > MAX_NUMBER:
        return NO_NUMBER
    return -number if is_negative else number


@jit
def has_tex(data: Bytes, start: Index, stop: Index) -> Any:
    """Return whether a type or encoding has the letters `tex` before any parameter, as `application/x-tex` has."""
    for position in range(start, stop - 2):
        if data[position] == SEMICOLON:
            return False
        if (
            lower_byte(data[position]) == ord("t")
            and lower_byte(data[position + 1]) == ord("e")
            and lower_byte(data[position + 2]) == ord("x")
            and (position + 3 == stop or not is_letter(data[position + 3]))
        ):
            return True
    return False


@jit
def read_type(data: Bytes, start: Index, stop: Index) -> Any:
    """Return the hints of a `type` or `encoding`: how a list is numbered, or that a script holds TeX."""
    if stop - start == 1:
        capitals = CAPITALS if data[start] < 97 else 0
        letter = lower_byte(data[start])
        return np.uint16((LETTERS if letter == ord("a") else ROMAN if letter == ord("i") else 0) | capitals)
    if not has_tex(data, start, stop):
        return np.uint16(0)
    # `math/tex; mode=display`: the parameter is the only one there is
    is_displayed = lower_byte(data[stop - 1]) == ord("y")
    return np.uint16(TEX | (DISPLAYED if is_displayed else 0))


@jit
def read_flag(name: Any) -> Any:
    """Return the hint of an attribute that needs no value."""
    if name == HIDES:
        return np.uint16(HIDDEN)
    if name == REVERSES:
        return np.uint16(REVERSED)
    if name == LINE_NUMBER:
        return np.uint16(GUTTER)
    return np.uint16(OPENED if name == OPEN else 0)


@jit
def read_attributes(  # noqa: C901 - a branch for each attribute
    data: Bytes, position: Index, words: KeysAndValues, names: KeysAndValues
) -> Any:
    """Read a start tag's attributes.

    Return (position after ">", hints, (start, stop) of the alternative text, the `start` or `value` or NO_NUMBER).
    """
    hints, alt, number = np.uint16(0), (0, 0), NO_NUMBER
    while position < len(data) and data[position] != GREATER:
        if data[position] <= 32 or data[position] == SLASH:
            position += 1
            continue
        key, stop = read_name(data, position)
        name = look_up(names[0], names[1], key)
        hints |= read_flag(name)
        # at least one byte further: a stray "=" is an empty name, and would be read for ever
        position = skip_space(data, max(stop, position + 1))
        if position >= len(data) or data[position] != EQUALS:
            continue
        start, stop, position = read_value(data, skip_space(data, position + 1))
        if name == NAMING:
            hints |= read_hints(data, start, stop, words[0], words[1])
        elif name == HREF:
            hints |= np.uint16(LINKED)
        elif name == ALT:
            alt = (start, stop)
        elif name == NUMBER:
            number = read_number(data, start, stop)
        elif name in (TYPE, ENCODING):
            hints |= read_type(data, start, stop)
        # five bytes: `block`, where the other value is `inline`
        elif name == DISPLAY and stop - start == 5:
            hints |= np.uint16(DISPLAYED)
        # four bytes: `true`, where the other value is `false`
        elif (name == ARIA and stop - start == 4) or (name == STYLE and is_display_none(data, start, stop)):
            hints |= np.uint16(HIDDEN)
    return min(position + 1, len(data)), hints, alt, number
