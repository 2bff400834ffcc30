"""The attributes of a start tag, and the hints that they give about its element."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.name_words import (
    CAPITALS,
    DISPLAYED,
    FOR_EYES,
    GUTTER,
    HIDDEN,
    LETTERS,
    LINKED,
    LOOSE,
    NAMED_BY_ID,
    OPENED,
    PART_HINTS,
    REVERSED,
    ROMAN,
    TEX,
    WITH_ID,
)
from tasks.clean.extract.html.names import read_names
from tasks.clean.extract.html.scanner import (
    COLON,
    DASH,
    EQUALS,
    GREATER,
    SEMICOLON,
    SLASH,
    is_letter,
    look_up,
    lower_byte,
    read_name,
    read_value,
    skip_space,
)
from tasks.clean.extract.html.tags import (
    ALT,
    ARIA,
    CLASS,
    DISPLAY,
    ENCODING,
    HIDES,
    HREF,
    ID,
    LINE_NUMBER,
    NAMING,
    NUMBER,
    OPEN,
    REVERSES,
    STYLE,
    TYPE,
)
from tasks.clean.kernel_types import Bytes, Index, KeysAndValues
from tasks.runtime.jit import jit

NO_NUMBER = -(2**31)  # of a tag without a `start` or `value` that is a number
MAX_NUMBER = 10**9  # larger ones count as none


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
    data: Bytes, position: Index, words: KeysAndValues, names: KeysAndValues, groups: KeysAndValues
) -> Any:
    """Read a start tag's attributes.

    Return (position after ">", hints, (start, stop) of the alternative text, the `start` or `value` or NO_NUMBER, and
    (groups of the names, groups of the id, hash of the class)).
    """
    hints, alt, number = np.uint32(0), (0, 0), NO_NUMBER
    id_hints, group_bits, id_bits, class_hash = np.uint32(0), np.uint64(0), np.uint64(0), np.uint64(0)
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
        if name in (CLASS, NAMING):
            hint, bits, value_hash = read_names(data, start, stop, words, groups)
            hints |= hint
            group_bits |= bits
            if name == CLASS:
                class_hash = value_hash
        elif name == ID:
            id_hints, id_bits, _ = read_names(data, start, stop, words, groups)
            id_hints = id_hints & ~np.uint32(HIDDEN) | np.uint32(WITH_ID)
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
    if id_hints & ~hints & np.uint32(PART_HINTS | LOOSE):
        hints |= np.uint32(NAMED_BY_ID)
    return min(position + 1, len(data)), hints | id_hints, alt, number, (group_bits, id_bits, class_hash)
