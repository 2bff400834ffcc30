"""Words, lines and spaces of the text that is rendered.

All functions that write have the same form: they write to `out` after its first `size` bytes, and return the new size.
"""

from typing import Any

from tasks.clean.kernel_types import Bytes, Index
from tasks.runtime.jit import jit

NEWLINE, RETURN, SPACE, TAB, AMPERSAND = 10, 13, 32, 9, 38


@jit
def put_space(out: Bytes, size: Index) -> Any:
    """Write a space, unless one is there or the line is empty."""
    # space and line feed are the only bytes up to 32 in `out`
    if size and out[size - 1] > SPACE:
        out[size] = SPACE
        size += 1
    return size


@jit
def space_length(data: Bytes, position: Index, stop: Index) -> Any:
    """Return the bytes of one white space at a position, also of a non-breaking one or its reference; 0 for none."""
    if data[position] <= SPACE:
        return 1
    # U+00A0 in UTF-8
    if data[position] == 0xC2 and position + 1 < stop and data[position + 1] == 0xA0:
        return 2
    # `&nbsp;` byte by byte, first `&nb`, then `sp;`: references are decoded only after rendering
    if data[position] == AMPERSAND and position + 5 < stop and data[position + 1] == 110 and data[position + 2] == 98:
        return 6 if data[position + 3] == 115 and data[position + 4] == 112 and data[position + 5] == 59 else 0
    return 0


@jit
def skip_space(data: Bytes, position: Index, stop: Index) -> Any:
    """Return where words begin, and the number of spaces to keep: all from the first non-breaking one on."""
    num_kept = 0
    while position < stop:
        space = space_length(data, position, stop)
        if space == 0:
            break
        num_kept += space > 1 or num_kept > 0
        position += space
    return position, num_kept


@jit
def put_words(out: Bytes, size: Index, data: Bytes, start: Index, stop: Index) -> Any:
    """Write words with one space between them."""
    position = start
    while position < stop:
        space = space_length(data, position, stop)
        if space:
            size = put_space(out, size)
            position += space
        else:
            out[size] = data[position]
            size, position = size + 1, position + 1
    return size


@jit
def put_verbatim(out: Bytes, size: Index, data: Bytes, start: Index, stop: Index) -> Any:
    """Write lines with their indentation, a tab as four spaces, and after it words with one space between them."""
    # at the start of a line, or behind nothing but its indentation, white space is indentation
    line_start = size
    while line_start and out[line_start - 1] == SPACE:
        line_start -= 1
    is_indentation = line_start == 0 or out[line_start - 1] == NEWLINE
    position = start
    while position < stop:
        space = space_length(data, position, stop)
        if data[position] == NEWLINE or data[position] == RETURN:
            if data[position] == RETURN and position + 1 < stop and data[position + 1] == NEWLINE:
                position += 1
            while size and out[size - 1] == SPACE:
                size -= 1
            size = end_line(out, size, 1 if not size or out[size - 1] != NEWLINE else 2)
            is_indentation = True
        elif not space:
            out[size] = data[position]
            size, is_indentation = size + 1, False
        elif is_indentation and data[position] >= TAB:
            for _ in range(4 if data[position] == TAB else 1):
                out[size] = SPACE
                size += 1
        elif data[position] >= TAB:
            size = put_space(out, size)
        position += max(space, 1)
    return size


@jit
def end_line(out: Bytes, size: Index, lines: Index) -> Any:
    """End the line without its trailing spaces; leave a blank one after it when `lines` is 2."""
    while size and out[size - 1] == SPACE:
        size -= 1
    # `lines` is 1 or 2 breaks in all, not in addition; none at the start of the text
    num_breaks = 0  # that are there already
    while num_breaks < min(size, 2) and out[size - 1 - num_breaks] == NEWLINE:
        num_breaks += 1
    for _ in range(lines - num_breaks if size else 0):
        out[size] = NEWLINE
        size += 1
    return size
