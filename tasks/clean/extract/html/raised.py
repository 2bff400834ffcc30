"""Superscripts and subscripts in plain text: 10<sup>6</sup> is 10⁶, V<sub>max</sub> is V_max.

Digits and signs become Unicode's superscripts and subscripts, in a subscript single letters that have one, too. Other
exponents get a ^, other subscripts a _. Raised words stay as they are (1<sup>st</sup>, XX<sup>e</sup>, <sup>TM</sup>,
<sup>[1]</sup>): they are no exponents.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.output import AMPERSAND, NEWLINE, SPACE, put_space
from tasks.clean.extract.html.scanner import DASH, EQUALS, is_letter
from tasks.clean.extract.html.tags import SUP
from tasks.clean.kernel_types import Bytes, Index
from tasks.runtime.jit import jit

OPENING, CLOSING, PLUS, COMMA, BRACKET, CARET, UNDERSCORE = map(ord, "()+,[^_")
MAX_RAISED_BYTES = 24  # more is a remark, and no exponent
# a single letter that is no ordinal: 1e, 1o, 2a
IS_EXPONENT = np.isin(np.arange(128), np.frombuffer(b"bfghijklmnpqtuvwxyzNT", np.uint8))


def _build_table(pairs: dict[str, str]) -> Any:
    """Return the code points of characters by their ASCII character; 0 where there is none."""
    table = np.zeros(128, np.int64)
    for character, raised in pairs.items():
        table[ord(character)] = ord(raised)
    return table


SUPERSCRIPTS = _build_table(dict(zip("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", strict=True)))
SUBSCRIPTS = _build_table(
    dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
)


@jit
def minus_length(data: Bytes, position: Index, stop: Index) -> Any:
    """Return the bytes of a minus sign, an en dash or `&minus;` at a position; 0 for none."""
    if position + 2 < stop and data[position] == 0xE2:
        is_dash = data[position + 1] == 0x80 and data[position + 2] == 0x93
        return 3 if is_dash or (data[position + 1] == 0x88 and data[position + 2] == 0x92) else 0
    if position + 6 < stop and data[position] == AMPERSAND and data[position + 6] == 59:
        return 7 if data[position + 1] == 109 and data[position + 2] == 105 and data[position + 5] == 115 else 0
    return 0


@jit
def put_code_point(out: Bytes, size: Index, code: Index) -> Any:
    """Write a code point above 0x7F and below 0x10000 as UTF-8."""
    if code < 0x800:
        out[size], out[size + 1] = 0xC0 | code >> 6, 0x80 | code & 63
        return size + 2
    out[size], out[size + 1], out[size + 2] = 0xE0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63
    return size + 3


@jit
def put_mapped(out: Bytes, size: Index, content: Bytes, table: Any) -> Any:
    """Write the content by a table of characters, with commas and spaces as they are; -1 where one has none."""
    position = 0
    while position < content.size:
        byte = content[position]
        length = minus_length(content, position, content.size)
        if length:
            size = put_code_point(out, size, table[DASH])
            position += length
            continue
        if byte < 128 and table[byte]:
            size = put_code_point(out, size, table[byte])
        elif byte in (SPACE, COMMA):
            out[size] = byte
            size += 1
        else:
            return -1
        position += 1
    return size


@jit
def put_raised(out: Bytes, start: Index, size: Index, role: Index) -> Any:  # noqa: C901, PLR0911 - a list of rules
    """Replace `out[start:size]`, the text of a <sup> or <sub>, by what says so in plain text."""
    stop = size
    while stop > start and out[stop - 1] == SPACE:
        stop -= 1
    if stop == start or stop - start > MAX_RAISED_BYTES:
        return size
    content, num_spaces = out[start:stop].copy(), size - stop
    num_letters, num_digits, num_signs, position = 0, 0, 0, 0
    while position < content.size:
        byte, minus = content[position], minus_length(content, position, content.size)
        if minus == 0 and (byte >= 128 or byte in (NEWLINE, BRACKET, AMPERSAND)):
            return size  # another script, several lines, a note, a reference
        num_letters += minus == 0 and is_letter(byte)
        num_digits += 48 <= byte <= 57
        num_signs += minus > 0 or byte in (PLUS, DASH, EQUALS)
        position += max(minus, 1)
    has_number = num_digits + num_signs > 0
    if role == SUP and not has_number:
        if content.size != 1 or not IS_EXPONENT[content[0]]:  # a word, or a mark such as *
            return size
    elif not has_number and num_letters == 0:
        return size
    if has_number or content.size == 1:
        mapped = put_mapped(out, start, content, SUPERSCRIPTS if role == SUP else SUBSCRIPTS)
        if mapped >= 0:
            return put_space(out, mapped) if num_spaces else mapped
    # `put_mapped` has written what it knew
    out[start:stop] = content
    if start == 0 or out[start - 1] <= SPACE:  # nothing stands before it that it could be an exponent of
        return size
    is_word = num_letters + num_digits == content.size
    out[start] = CARET if role == SUP else UNDERSCORE
    size = start + 1
    if not is_word:
        out[size] = OPENING
        size += 1
    out[size : size + content.size] = content
    size += content.size
    if not is_word:
        out[size] = CLOSING
        size += 1
    return put_space(out, size) if num_spaces else size
