"""The tags of a page, read from its bytes as browsers read them: comments, quoted attributes, raw text.

Compiled loops are in one file with all that they call, and pass plain tuples of arrays: numba keeps compiled code by
the file of the loop, and would notice neither a change in another file nor a class that is gone.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.tags import ALT, ARIA, HIDDEN, HIDES, HREF, LINKED, RAW, STYLE, TITLE
from tasks.clean.kernel_types import Byte, Bytes, Hash, Index, KeysAndValues, Tables
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
    return np.uint8(0)


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
def find_raw_end(data: Bytes, position: Index, start: Index, stop: Index) -> Any:
    """Return where the end tag of the element named data[start:stop] begins; the end of the page if none does."""
    size = stop - start
    # the bound leaves room for "</" and the name
    while position < len(data) - size - 1:
        if data[position] == LESS and data[position + 1] == SLASH:
            same = 0
            while same < size and lower_byte(data[position + 2 + same]) == lower_byte(data[start + same]):
                same += 1
            if same == size:
                return position
        position += 1
    return len(data)


@jit
def skip_declaration(data: Bytes, position: Index) -> Any:
    """Return the position after a comment, doctype or processing instruction whose "<" is at `position`."""
    size = len(data)
    if position + 3 >= size or data[position + 2] != DASH or data[position + 3] != DASH:
        return skip_past(data, position, GREATER)
    if position + 4 < size and data[position + 4] == GREATER:  # <!--> is a complete comment
        return position + 5
    position += 4
    while position < size - 2 and not (
        data[position] == DASH and data[position + 1] == DASH and data[position + 2] == GREATER
    ):
        position += 1
    return min(position + 3, size)


@jit
def read_hints(data: Bytes, start: Index, stop: Index, keys: Any, values: Any) -> Any:
    """Return the hints of the words of an attribute's value: complete runs of letters, and the parts of camelCase."""
    hints = np.uint8(0)
    # `run` hashes the letters since the last sign (`articlebody` of `articleBody`), `part` those since the last capital
    # after a small letter (`body`). BASIS is the hash of no letter.
    run, part = BASIS, BASIS
    # one step more than there are bytes: a space behind the value ends its last word
    for position in range(start, stop + 1):
        byte = data[position] if position < stop else np.uint8(32)
        if not is_letter_or_digit(byte):
            if run != BASIS:
                hints |= look_up(keys, values, run)
                if part != run:
                    hints |= look_up(keys, values, part)
            run, part = BASIS, BASIS
            continue
        if 65 <= byte <= 90 and position > start and 97 <= data[position - 1] <= 122:
            hints |= look_up(keys, values, part)
            part = BASIS
        letter = np.uint64(lower_byte(byte))
        run, part = (run ^ letter) * PRIME, (part ^ letter) * PRIME
    return hints


@jit
def is_display_none(data: Bytes, start: Index, stop: Index) -> Any:
    """Return whether a style says `display: none`, by the letters d, i, s of the first word and n, e of the second."""
    # no other property begins with "dis", no other value of display with n and has e as its fourth letter
    position = skip_space(data, start)
    # `display:none` has 12 bytes. `skip_past` knows no `stop` and may run beyond it: hence the comparisons after it.
    while position + 12 <= stop:
        if (
            lower_byte(data[position]) == ord("d")
            and lower_byte(data[position + 1]) == ord("i")
            and lower_byte(data[position + 2]) == ord("s")
        ):
            position = skip_space(data, skip_past(data, position, COLON))
            return (
                position + 4 <= stop
                and lower_byte(data[position]) == ord("n")
                and lower_byte(data[position + 3]) == ord("e")
            )
        position = skip_space(data, skip_past(data, position, SEMICOLON))
    return False


@jit
def read_attributes(data: Bytes, position: Index, words: KeysAndValues, names: KeysAndValues) -> Any:
    """Read a start tag's attributes; return (position after ">", hints, (start, stop) of the alternative text)."""
    hints, alt = np.uint8(0), (0, 0)
    while position < len(data) and data[position] != GREATER:
        if data[position] <= 32 or data[position] == SLASH:
            position += 1
            continue
        key, stop = read_name(data, position)
        name = look_up(names[0], names[1], key)
        # at least one byte further: a stray "=" is an empty name, and would be read for ever
        position = skip_space(data, max(stop, position + 1))
        if position >= len(data) or data[position] != EQUALS:
            hints |= np.uint8(HIDDEN if name == HIDES else 0)
            continue
        start, stop, position = read_value(data, skip_space(data, position + 1))
        if name == HREF:
            hints |= np.uint8(LINKED)
        elif name == ALT:
            alt = (start, stop)
        elif (
            name == HIDES
            # four bytes: `true`, where the other value is `false`
            or (name == ARIA and stop - start == 4)
            or (name == STYLE and is_display_none(data, start, stop))
        ):
            hints |= np.uint8(HIDDEN)
        elif name and name not in (ARIA, STYLE):
            hints |= read_hints(data, start, stop, words[0], words[1])
    return min(position + 1, len(data)), hints, alt


@jit
def weigh_text(data: Bytes, position: Index) -> Any:
    """Return the number of bytes of text up to the next tag, without white space, and where that tag begins."""
    weight = 0
    while position < len(data):
        # "<" before anything else is text (HTML standard, 13.2.5.6), and so is one at the very end: `read_tags` relies
        # on a byte behind each "<" that it gets
        if data[position] == LESS and position + 1 < len(data):
            after = data[position + 1]
            if is_letter(after) or after in (BANG, SLASH, QUESTION):
                break
        weight += data[position] > 32
        position += 1
    return weight, position


@jit
def read_tags(data: Bytes, tables: Tables) -> Any:
    """Read the tags of a page. Return (tags, (start, stop) of the page's title).

    `tags` is (start, stop, code, hints, weight, alt), arrays with an entry a tag; tag 0 is the start of the page.
    `start` and `stop` are the positions of "<" and after ">"; text goes from `stop` to the next tag's `start`.
    `code` is 0 for a comment or an unknown tag, negative for an end tag. `weight` counts the bytes of the text after
    the tag without white space. `alt` is the (start, stop) of an image's alternative text.
    """
    names, kinds, roles, words, attributes = tables
    size, max_tags = len(data), 1
    # each tag has a "<", so their number is enough room
    for byte in data:
        max_tags += byte == LESS
    # int32 holds positions up to 2 GB, far above the `max_bytes` of any sensible setting
    start, stop, code = np.zeros(max_tags, np.int32), np.zeros(max_tags, np.int32), np.zeros(max_tags, np.int16)
    hints, weight, alt = np.zeros(max_tags, np.uint8), np.zeros(max_tags, np.int32), np.zeros((max_tags, 2), np.int32)
    title, num = (0, 0), 1
    weight[0], position = weigh_text(data, 0)
    while position < size:
        start[num] = position
        if data[position + 1] == BANG or data[position + 1] == QUESTION:
            position = skip_declaration(data, position)
        elif data[position + 1] == SLASH:
            key, position = read_name(data, position + 2)
            # int16 before the sign, because the negative of a uint8 wraps around
            code[num] = -np.int16(look_up(names[0], names[1], key))
            position = skip_past(data, position, GREATER)
        else:
            name = position + 1
            key, end = read_name(data, name)
            tag = look_up(names[0], names[1], key)
            code[num] = tag
            position, hints[num], (alt[num, 0], alt[num, 1]) = read_attributes(data, end, words, attributes)
            if kinds[tag] & RAW:  # its content is no markup, up to its own end tag
                # it becomes a part of the tag, start to stop, so nobody takes it for text
                raw_start, position = position, find_raw_end(data, position, name, end)
                if roles[tag] == TITLE and title[1] == 0:
                    title = (raw_start, position)
        stop[num] = position
        weight[num], position = weigh_text(data, position)
        num += 1
    return (start[:num], stop[:num], code[:num], hints[:num], weight[:num], alt[:num]), title
