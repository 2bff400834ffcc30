"""The attributes of a start tag, and the hints that they give about its element."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.scanner import (
    BASIS,
    COLON,
    DASH,
    EQUALS,
    GREATER,
    PRIME,
    SEMICOLON,
    SLASH,
    is_letter,
    is_letter_or_digit,
    look_up,
    lower_byte,
    read_name,
    read_value,
    skip_space,
)
from tasks.clean.extract.html.tags import (
    ALT,
    ARIA,
    BEGINS_NAME,
    CAPITALS,
    DISPLAY,
    DISPLAYED,
    ENCODING,
    FOR_EYES,
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
from tasks.clean.kernel_types import Bytes, Index, KeysAndValues
from tasks.runtime.jit import jit

NO_NUMBER = -(2**31)  # of a tag without a `start` or `value` that is a number
MAX_NUMBER = 10**9  # larger ones count as none


@jit
def hash_name(data: Bytes, start: Index, stop: Index) -> Any:
    """Return the hash of the letters and digits of a name, without the signs between them."""
    key = BASIS
    for position in range(start, stop):
        if is_letter_or_digit(data[position]):
            key = (key ^ np.uint64(lower_byte(data[position]))) * PRIME
    return key


@jit
def read_hints(data: Bytes, start: Index, stop: Index, keys: Any, values: Any) -> Any:
    """Return the hints of the words of an attribute's value: complete runs of letters, and the parts of camelCase.

    The hints of `NAMES` are those of names as a whole.
    """
    hints = np.uint32(0)
    # `run` hashes the letters since the last sign (`articlebody` of `articleBody`), `part` those since the last capital
    # after a small letter (`body`). BASIS is the hash of no letter.
    run, part = BASIS, BASIS
    # `first` has the hints of the first run of a name: they say whether a name may begin with it
    name_start, run_start, first = start, start, np.uint32(0)
    # one step more than there are bytes: a space behind the value ends its last word
    for position in range(start, stop + 1):
        byte = data[position] if position < stop else np.uint8(32)
        if not is_letter_or_digit(byte):
            if run != BASIS:
                hint = look_up(keys, values, run)
                hints |= hint & ~np.uint32(NAME_HINTS)
                if part != run:
                    hints |= look_up(keys, values, part) & ~np.uint32(NAME_HINTS)
                if run_start == name_start:
                    first = hint
            if byte <= 32:
                if first & np.uint32(NAME_HINTS):
                    name = look_up(keys, values, hash_name(data, name_start, position))
                    hints |= name & np.uint32(NAME_HINTS)
                name_start, first = position + 1, np.uint32(0)
            run, part, run_start = BASIS, BASIS, position + 1
            continue
        if 65 <= byte <= 90 and position > start and 97 <= data[position - 1] <= 122:
            hints |= look_up(keys, values, part) & ~np.uint32(NAME_HINTS)
            part = BASIS
        letter = np.uint64(lower_byte(byte))
        run, part = (run ^ letter) * PRIME, (part ^ letter) * PRIME
    return hints & ~np.uint32(BEGINS_NAME)


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
        return np.uint32((LETTERS if letter == ord("a") else ROMAN if letter == ord("i") else 0) | capitals)
    if not has_tex(data, start, stop):
        return np.uint32(0)
    # `math/tex; mode=display`: the parameter is the only one there is
    is_displayed = lower_byte(data[stop - 1]) == ord("y")
    return np.uint32(TEX | (DISPLAYED if is_displayed else 0))


@jit
def read_flag(name: Any) -> Any:
    """Return the hint of an attribute that needs no value."""
    if name == HIDES:
        return np.uint32(HIDDEN)
    if name == REVERSES:
        return np.uint32(REVERSED)
    if name == LINE_NUMBER:
        return np.uint32(GUTTER)
    return np.uint32(OPENED if name == OPEN else 0)


@jit
def read_attributes(  # noqa: C901, PLR0912 - a branch for each attribute
    data: Bytes, position: Index, words: KeysAndValues, names: KeysAndValues
) -> Any:
    """Read a start tag's attributes.

    Return (position after ">", hints, (start, stop) of the alternative text, the `start` or `value` or NO_NUMBER).
    """
    hints, alt, number = np.uint32(0), (0, 0), NO_NUMBER
    while position < len(data) and data[position] != GREATER:
        if data[position] <= 32 or data[position] == SLASH:
            position += 1
            continue
        key, stop = read_name(data, position)
        name = look_up(names[0], names[1], key)
        if name:
            hints |= read_flag(name)
        # at least one byte further: a stray "=" is an empty name, and would be read for ever
        position = skip_space(data, max(stop, position + 1))
        if position >= len(data) or data[position] != EQUALS:
            continue
        start, stop, position = read_value(data, skip_space(data, position + 1))
        if name == 0:
            continue
        if name == NAMING:
            hints |= read_hints(data, start, stop, words[0], words[1])
        elif name == HREF:
            hints |= np.uint32(LINKED)
        elif name == ALT:
            alt = (start, stop)
        elif name == NUMBER:
            number = read_number(data, start, stop)
        elif name in (TYPE, ENCODING):
            hints |= read_type(data, start, stop)
        # five bytes: `block`, where the other value is `inline`
        elif name == DISPLAY and stop - start == 5:
            hints |= np.uint32(DISPLAYED)
        # four bytes: `true`, where the other value is `false`
        elif name == ARIA and stop - start == 4:
            hints |= np.uint32(FOR_EYES)
        elif name == STYLE and is_display_none(data, start, stop):
            hints |= np.uint32(HIDDEN)
    return min(position + 1, len(data)), hints, alt, number
