"""The tags of a page, read from its bytes as browsers read them: comments, quoted attributes, raw text.

Compiled loops pass plain tuples of arrays: numba keeps compiled code, and would not notice a class that is gone.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.attributes import NO_NUMBER, read_attributes
from tasks.clean.extract.html.name_words import HIDDEN, OPENED, TEX
from tasks.clean.extract.html.scanner import (
    BANG,
    DASH,
    GREATER,
    LESS,
    QUESTION,
    SLASH,
    is_letter,
    look_up,
    lower_byte,
    read_name,
    skip_past,
)
from tasks.clean.extract.html.tags import DIALOG, MATH, RAW, SCRIPT, SVG, TITLE
from tasks.clean.kernel_types import Bytes, Index, Tables
from tasks.runtime.jit import jit

CDATA = np.frombuffer(b"<![CDATA[", np.uint8)


@jit
def find_raw_end(data: Bytes, position: Index, start: Index, stop: Index) -> Any:
    """Return where the end tag of the element named data[start:stop] begins; the end of the page if none does."""
    size = stop - start
    # the bound leaves room for "</" and the name; another letter behind it makes it another name
    while position < len(data) - size - 1:
        if data[position] == LESS and data[position + 1] == SLASH:
            same = 0
            while same < size and lower_byte(data[position + 2 + same]) == lower_byte(data[start + same]):
                same += 1
            after = position + 2 + size
            if same == size and (after >= len(data) or data[after] <= 32 or data[after] in (SLASH, GREATER)):
                return position
        position += 1
    return len(data)


@jit
def skip_comment(data: Bytes, position: Index) -> Any:
    """Return the position after the comment whose text begins at `position` (HTML standard, 13.2.5.43 to 52)."""
    # `<!-->` and `<!--->` are complete
    if position < len(data) and data[position] == GREATER:
        return position + 1
    if position + 1 < len(data) and data[position] == DASH and data[position + 1] == GREATER:
        return position + 2
    # it ends with `-->` or `--!>`
    while position + 2 < len(data):
        if data[position] == DASH and data[position + 1] == DASH:
            if data[position + 2] == GREATER:
                return position + 3
            if position + 3 < len(data) and data[position + 2] == BANG and data[position + 3] == GREATER:
                return position + 4
        position += 1
    return len(data)


@jit
def skip_cdata(data: Bytes, position: Index) -> Any:
    """Return the position after the next `]]>`, or the end."""
    while position + 2 < len(data):
        if data[position] == ord("]") and data[position + 1] == ord("]") and data[position + 2] == GREATER:
            return position + 3
        position += 1
    return len(data)


@jit
def skip_declaration(data: Bytes, position: Index, is_foreign: bool) -> Any:
    """Return the position after a comment, doctype or processing instruction whose "<" is at `position`.

    In <svg> and <math>, where `is_foreign`, a CDATA section ends with `]]>`; elsewhere all but `<!--` ends with ">".
    """
    if position + 3 < len(data) and data[position + 2] == DASH and data[position + 3] == DASH:
        return skip_comment(data, position + 4) if data[position + 1] == BANG else skip_past(data, position, GREATER)
    if is_foreign and position + CDATA.size <= len(data):
        same = 0
        while same < CDATA.size and data[position + same] == CDATA[same]:
            same += 1
        if same == CDATA.size:
            return skip_cdata(data, position + CDATA.size)
    return skip_past(data, position, GREATER)


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
def read_tags(data: Bytes, tables: Tables) -> Any:  # noqa: C901, PLR0912 - one pass with one state
    """Read the tags of a page. Return (tags, names, (start, stop) of the page's title).

    `tags` is (start, stop, code, hints, weight, alt, number), arrays with an entry a tag; tag 0 is the page's start.
    `start` and `stop` are the positions of "<" and after ">"; text goes from `stop` to the next tag's `start`.
    `code` is 0 for a comment or an unknown tag, negative for an end tag. `weight` counts the bytes of the text after
    the tag without white space. `alt` is the (start, stop) of the alternative text of an image or formula, or of the
    TeX in a script. `number` is the `start` or `value` of a list or item, or NO_NUMBER. `names` (tags, 3) holds the
    groups of a tag's names, those of its id, as bits, and the hash of its class.
    """
    codes, kinds, roles, words, attributes, groups = tables
    size, max_tags = len(data), 1
    # each tag has a "<", so their number is enough room
    for byte in data:
        max_tags += byte == LESS
    # int32 holds positions up to 2 GB, far above the `max_bytes` of any sensible setting
    start, stop, code = np.zeros(max_tags, np.int32), np.zeros(max_tags, np.int32), np.zeros(max_tags, np.int16)
    hints, weight, alt = np.zeros(max_tags, np.uint32), np.zeros(max_tags, np.int32), np.zeros((max_tags, 2), np.int32)
    number, names = np.full(max_tags, NO_NUMBER, np.int32), np.zeros((max_tags, 3), np.uint64)
    title, num, foreign = (0, 0), 1, np.uint32(0)  # foreign: the tag of the <svg> or <math> that is open, or 0
    weight[0], position = weigh_text(data, 0)
    while position < size:
        start[num] = position
        if data[position + 1] == BANG or data[position + 1] == QUESTION:
            position = skip_declaration(data, position, foreign != 0)
        elif data[position + 1] == SLASH:
            key, position = read_name(data, position + 2)
            tag = look_up(codes[0], codes[1], key)
            # int16 before the sign, because the negative of an unsigned number wraps around
            code[num] = -np.int16(tag)
            if tag == foreign:
                foreign = np.uint32(0)
            position = skip_past(data, position, GREATER)
        else:
            name = position + 1
            key, end = read_name(data, name)
            tag = look_up(codes[0], codes[1], key)
            code[num] = tag
            position, hint, (alt[num, 0], alt[num, 1]), number[num], name_bits = read_attributes(
                data, end, words, attributes, groups
            )
            names[num, 0], names[num, 1], names[num, 2] = name_bits
            if roles[tag] == DIALOG and not hint & OPENED:
                hint |= np.uint32(HIDDEN)
            elif foreign == 0 and roles[tag] in (SVG, MATH):
                if data[position - 2] == SLASH:  # only here a start tag can be its own end tag
                    code[num] = 0
                else:
                    foreign = tag
            hints[num] = hint
            if kinds[tag] & RAW:  # its content is no markup, up to its own end tag
                # it becomes a part of the tag, start to stop, so nobody takes it for text
                raw_start, position = position, find_raw_end(data, position, name, end)
                if roles[tag] == TITLE and title[1] == 0:
                    title = (raw_start, position)
                elif roles[tag] == SCRIPT and hint & TEX:
                    alt[num, 0], alt[num, 1] = raw_start, position
        stop[num] = position
        weight[num], position = weigh_text(data, position)
        num += 1
    tags = start[:num], stop[:num], code[:num], hints[:num], weight[:num], alt[:num], number[:num]
    return tags, names[:num], title
