"""The tags of a page, read from its bytes as browsers read them: comments, quoted attributes, raw text.

Compiled loops stand in one file with all that they call, and pass plain tuples of arrays: compiled code is kept on disk
by the file of its loop, and would notice neither a change in another file nor a class that has gone.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.tags import ALT, ARIA, HIDDEN, HIDES, HREF, LINKED, RAW, STYLE, TITLE
from tasks.runtime.jit import jit

BANG, QUOTE, APOSTROPHE, DASH, SLASH, COLON, SEMICOLON, LESS, EQUALS, GREATER, QUESTION = map(ord, "!\"'-/:;<=>?")
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, as `tags.hashed`


@jit
def lookup(keys: Any, values: Any, key: Any) -> Any:
    """The value of a hash, 0 when it is not in the table."""
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != 0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + np.uint64(1)) & mask
    return np.uint8(0)


@jit
def is_letter(byte: Any) -> Any:
    return 65 <= byte <= 90 or 97 <= byte <= 122


@jit
def is_word(byte: Any) -> Any:
    return 48 <= byte <= 57 or is_letter(byte)


@jit
def lower(byte: Any) -> Any:
    return byte | np.uint8(0x20) if 65 <= byte <= 90 else byte


@jit
def past_space(data: Any, at: int) -> Any:
    while at < len(data) and data[at] <= 32:
        at += 1
    return at


@jit
def past(data: Any, at: int, sign: int) -> Any:
    """The position after the next such sign, at most the end."""
    while at < len(data) and data[at] != sign:
        at += 1
    return min(at + 1, len(data))


@jit
def name_at(data: Any, at: int) -> Any:
    """Hash of the name that begins at a position, in small letters, and where it ends."""
    key = BASIS
    while at < len(data) and data[at] > 32 and data[at] != EQUALS and data[at] != GREATER and data[at] != SLASH:
        key = (key ^ np.uint64(lower(data[at]))) * PRIME
        at += 1
    return key, at


@jit
def value_at(data: Any, at: int) -> Any:
    """Where the value of an attribute begins and ends, and where to go on."""
    if at < len(data) and (data[at] == QUOTE or data[at] == APOSTROPHE):
        stop = past(data, at + 1, data[at])
        closed = stop > at + 1 and data[stop - 1] == data[at]
        return at + 1, stop - 1 if closed else stop, stop
    stop = at
    while stop < len(data) and data[stop] > 32 and data[stop] != GREATER:
        stop += 1
    return at, stop, stop


@jit
def past_raw(data: Any, at: int, start: int, stop: int) -> Any:
    """Where the end tag of the raw text element stands whose name is data[start:stop]; the end of the page if none."""
    size = stop - start
    while at < len(data) - size - 1:
        if data[at] == LESS and data[at + 1] == SLASH:
            same = 0
            while same < size and lower(data[at + 2 + same]) == lower(data[start + same]):
                same += 1
            if same == size:
                return at
        at += 1
    return len(data)


@jit
def past_declaration(data: Any, at: int) -> Any:
    """The position after the comment, doctype or processing instruction that begins at "<"."""
    size = len(data)
    if at + 3 >= size or data[at + 2] != DASH or data[at + 3] != DASH:
        return past(data, at, GREATER)
    if at + 4 < size and data[at + 4] == GREATER:  # <!--> is a whole comment
        return at + 5
    at += 4
    while at < size - 2 and not (data[at] == DASH and data[at + 1] == DASH and data[at + 2] == GREATER):
        at += 1
    return min(at + 3, size)


@jit
def hints_of(data: Any, start: int, stop: int, keys: Any, values: Any) -> Any:
    """What the words of an attribute's value say: whole runs of letters, and the parts of camelCase."""
    found = np.uint8(0)
    run, part = BASIS, BASIS
    for at in range(start, stop + 1):
        byte = data[at] if at < stop else np.uint8(32)
        if not is_word(byte):
            if run != BASIS:
                found |= lookup(keys, values, run)
                if part != run:
                    found |= lookup(keys, values, part)
            run, part = BASIS, BASIS
            continue
        if 65 <= byte <= 90 and at > start and 97 <= data[at - 1] <= 122:
            found |= lookup(keys, values, part)
            part = BASIS
        small = np.uint64(lower(byte))
        run, part = (run ^ small) * PRIME, (part ^ small) * PRIME
    return found


@jit
def is_none(data: Any, start: int, stop: int) -> Any:
    """Whether a style says `display: none`; only the letters d, i and s of the one, n and e of the other are read."""
    at = past_space(data, start)
    while at + 12 <= stop:
        if lower(data[at]) == 100 and lower(data[at + 1]) == 105 and lower(data[at + 2]) == 115:
            at = past_space(data, past(data, at, COLON))
            return at + 4 <= stop and lower(data[at]) == 110 and lower(data[at + 3]) == 101
        at = past_space(data, past(data, at, SEMICOLON))
    return False


@jit
def attributes(data: Any, at: int, words: Any, names: Any) -> Any:
    """Read a start tag's attributes: (position after ">", hints, where the alternative text starts and stops)."""
    hints, alt = np.uint8(0), (0, 0)
    while at < len(data) and data[at] != GREATER:
        if data[at] <= 32 or data[at] == SLASH:
            at += 1
            continue
        key, stop = name_at(data, at)
        name = lookup(names[0], names[1], key)
        at = past_space(data, max(stop, at + 1))
        if at >= len(data) or data[at] != EQUALS:
            hints |= np.uint8(HIDDEN if name == HIDES else 0)
            continue
        start, stop, at = value_at(data, past_space(data, at + 1))
        if name == HREF:
            hints |= np.uint8(LINKED)
        elif name == ALT:
            alt = (start, stop)
        elif name == HIDES or (name == ARIA and stop - start == 4) or (name == STYLE and is_none(data, start, stop)):
            hints |= np.uint8(HIDDEN)
        elif name and name not in (ARIA, STYLE):
            hints |= hints_of(data, start, stop, words[0], words[1])
    return min(at + 1, len(data)), hints, alt


@jit
def text_at(data: Any, at: int) -> Any:
    """How many bytes of text are left until the next tag, white space not counted, and where it begins."""
    weight = 0
    while at < len(data):
        if data[at] == LESS and at + 1 < len(data):
            after = data[at + 1]
            if is_letter(after) or after in (BANG, SLASH, QUESTION):
                break
        weight += data[at] > 32
        at += 1
    return weight, at


@jit
def tags_of(data: Any, tables: Any) -> Any:
    """Read a page of UTF-8 bytes. Returns arrays with an entry a tag, and where the page's title starts and stops.

    Tag 0 stands for the begin of the page. `start` and `stop` are the positions of "<" and after ">": text goes from
    there to the next tag. `code` is 0 for what is unknown or a comment, negative for an end tag. `weight` counts the
    bytes of the text after the tag without white space. `alt` is where an image's alternative text starts and stops.
    """
    names, kinds, roles, words, named = tables
    size, most = len(data), 1
    for byte in data:
        most += byte == LESS
    start, stop, code = np.zeros(most, np.int32), np.zeros(most, np.int32), np.zeros(most, np.int16)
    hints, weight, alt = np.zeros(most, np.uint8), np.zeros(most, np.int32), np.zeros((most, 2), np.int32)
    title, num = (0, 0), 1
    weight[0], at = text_at(data, 0)
    while at < size:
        start[num] = at
        if data[at + 1] == BANG or data[at + 1] == QUESTION:
            at = past_declaration(data, at)
        elif data[at + 1] == SLASH:
            key, at = name_at(data, at + 2)
            code[num] = -np.int16(lookup(names[0], names[1], key))
            at = past(data, at, GREATER)
        else:
            name = at + 1
            key, end = name_at(data, name)
            found = lookup(names[0], names[1], key)
            code[num] = found
            at, hints[num], (alt[num, 0], alt[num, 1]) = attributes(data, end, words, named)
            if kinds[found] & RAW:
                begin, at = at, past_raw(data, at, name, end)
                if roles[found] == TITLE and title[1] == 0:
                    title = (begin, at)
        stop[num] = at
        weight[num], at = text_at(data, at)
        num += 1
    return (start[:num], stop[:num], code[:num], hints[:num], weight[:num], alt[:num]), title
