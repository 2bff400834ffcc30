"""Formulas: as TeX where the page has it, else as a line of MathML's characters.

A page says a formula up to four times: as a drawing, as MathML, as an annotation in TeX, and as an alternative text. It
is in the text once, between dollar signs, and between two on either side where it stands on a line of its own.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.lexer import CDATA, skip_declaration
from tasks.clean.extract.html.name_words import TEX
from tasks.clean.extract.html.output import SPACE, put_words
from tasks.clean.extract.html.scanner import BANG, GREATER, LESS, SLASH, is_letter, lower_byte
from tasks.clean.extract.html.tags import ANNOTATION
from tasks.clean.kernel_types import Bytes, Flags, Index, PerElement, Tags
from tasks.runtime.jit import jit

DOLLAR = ord("$")
OPENING_BRACE, CLOSING_BRACE = ord("{"), ord("}")
# the wrapping of every formula of MediaWiki
WRAPPINGS = (np.frombuffer(b"{\\displaystyle", np.uint8), np.frombuffer(b"{\\textstyle", np.uint8))
MAX_FORMULA_DEPTH = 64
# Elements of MathML whose children are told apart by their position, by the letters of their names after the m.
SUP, SUB, SUBSUP, FRAC, SQRT, OTHER, SILENT = 1, 2, 3, 4, 5, 6, 7


@jit
def begins_with(data: Bytes, start: Index, stop: Index, word: Bytes) -> Any:
    """Return whether the bytes begin with a word."""
    if stop - start < word.size:
        return False
    for index in range(word.size):  # noqa: SIM110 - numba has no all() of a generator
        if data[start + index] != word[index]:
            return False
    return True


@jit
def trim_tex(data: Bytes, start: Index, stop: Index) -> Any:
    """Return the start and stop of TeX without white space, CDATA, MediaWiki's wrapping, and delimiters around it."""
    if begins_with(data, start, stop, CDATA):
        start, stop = start + CDATA.size, stop - 3
    for _ in range(2):
        while start < stop and data[start] <= SPACE:
            start += 1
        while start < stop and data[stop - 1] <= SPACE:
            stop -= 1
        for wrapping in WRAPPINGS:
            if begins_with(data, start, stop, wrapping) and data[stop - 1] == CLOSING_BRACE:
                start, stop = start + wrapping.size, stop - 1
    while stop - start > 2 and data[start] == DOLLAR and data[stop - 1] == DOLLAR:
        start, stop = start + 1, stop - 1
    return start, stop


@jit
def put_tex(out: Bytes, size: Index, data: Bytes, start: Index, stop: Index, is_displayed: bool) -> Any:
    """Write TeX between dollar signs."""
    for _ in range(2 if is_displayed else 1):
        out[size] = DOLLAR
        size += 1
    before = size
    size = put_words(out, size, data, start, stop)
    while size > before and out[size - 1] == SPACE:
        size -= 1
    for _ in range(2 if is_displayed else 1):
        out[size] = DOLLAR
        size += 1
    return size


@jit
def find_tex(data: Bytes, tags: Tags, of_tag: PerElement, index: Index, last: Index, roles: Flags) -> Any:
    """Return the start and stop of the TeX of the <math> whose tag is number `index`; equal where it has none.

    `last` is the last element within it.
    """
    start, _, codes, hints, _, alt, _ = tags
    begin, end = trim_tex(data, alt[index, 0], alt[index, 1])
    if begin < end:
        return begin, end
    position = index + 1
    while position < len(codes) and of_tag[index] <= of_tag[position] <= last:
        if codes[position] > 0 and roles[codes[position]] == ANNOTATION and hints[position] & TEX:
            within = of_tag[position]
            after = position + 1
            while after < len(codes) and of_tag[after] == within:
                after += 1
            stop = start[after] if after < len(codes) else len(data)
            return trim_tex(data, tags[1][position], stop)
        position += 1
    return 0, 0


@jit
def name_layout(data: Bytes, position: Index) -> Any:  # noqa: PLR0911 - a table in the form of branches
    """Return which of MathML's layouts the tag name at a position is; 0 for an element of its children in a row."""
    name = np.zeros(12, np.uint8)
    length = 0
    while position < len(data) and length < 12 and (is_letter(data[position]) or data[position] == 45):
        name[length] = lower_byte(data[position])
        length, position = length + 1, position + 1
    first, second, third, fourth = name[1], name[2], name[3], name[4]
    if name[0] == ord("a") and first == ord("n"):  # annotation, annotation-xml
        return SILENT
    if name[0] != ord("m"):
        return 0
    if first == ord("s") and second == ord("u"):
        if third == ord("p"):
            return SUP
        return SUBSUP if fourth == ord("s") else SUB
    if first == ord("u") and second == ord("n"):  # munder, munderover
        return SUBSUP if length > 6 else SUB
    if first == ord("o") and second == ord("v"):
        return SUP
    if first == ord("f") and second == ord("r"):
        return FRAC
    return SQRT if first == ord("s") and second == ord("q") else 0


@jit
def open_child(out: Bytes, size: Index, layout: Index, number: Index) -> Any:
    """Write what stands before child `number`, from 1 on, of a layout."""
    sign = 0
    if (layout in (SUP, SUBSUP)) and number == (2 if layout == SUP else 3):
        sign = ord("^")
    elif (layout in (SUB, SUBSUP)) and number == 2:
        sign = ord("_")
    elif layout == FRAC and number == 2:
        sign = SLASH
    if sign:
        out[size] = sign
        size += 1
    if sign or layout == FRAC:
        out[size] = OPENING_BRACE
        size += 1
    return size


@jit
def close_child(out: Bytes, size: Index, begin: Index) -> Any:
    """Close the brace that was opened at `begin - 1`; take it away around a single character."""
    num_characters = 0
    for position in range(begin, size):
        num_characters += out[position] & 0xC0 != 0x80
    if num_characters > 1:
        out[size] = CLOSING_BRACE
        return size + 1
    for position in range(begin, size):
        out[position - 1] = out[position]
    return size - 1


@jit
def put_mathml(out: Bytes, size: Index, data: Bytes, start: Index, stop: Index) -> Any:  # noqa: C901 - one pass with one state
    """Write the characters of MathML in a row, with ^ before what is raised, _ before what is lowered, / in fractions.

    More than one character that is raised, lowered or in a fraction is in braces. Spaces of the markup say nothing.
    """
    layouts, counts = np.zeros(MAX_FORMULA_DEPTH, np.int64), np.zeros(MAX_FORMULA_DEPTH, np.int64)
    # where the content of the brace around each level, and of the root's on it, begins, or 0
    braces, roots = np.zeros(MAX_FORMULA_DEPTH, np.int64), np.zeros(MAX_FORMULA_DEPTH, np.int64)
    depth, position, silent = 0, start, 0  # silent: the level of the annotation that is open, or 0
    while position < stop:
        if data[position] != LESS:
            if data[position] > SPACE and not silent:
                out[size] = data[position]
                size += 1
            position += 1
            continue
        name = position + 1
        if name < stop and data[name] == BANG:
            position = skip_declaration(data, position, True)
            continue
        while position < stop and data[position] != GREATER:
            position += 1
        is_empty = data[position - 1] == SLASH
        position += 1
        if name < stop and is_letter(data[name]) and depth + 1 < MAX_FORMULA_DEPTH:
            counts[depth] += 1
            before = size
            size = size if silent else open_child(out, size, layouts[depth], counts[depth])
            if is_empty:
                size = before
                continue
            depth += 1
            layouts[depth], counts[depth] = name_layout(data, name), 0
            braces[depth], roots[depth] = size if size > before and out[size - 1] == OPENING_BRACE else 0, 0
            if layouts[depth] == SILENT and not silent:
                silent = depth
            elif layouts[depth] == SQRT and not silent:
                out[size], out[size + 1], out[size + 2], out[size + 3] = 0xE2, 0x88, 0x9A, OPENING_BRACE  # √
                size = roots[depth] = size + 4
        elif name < stop and data[name] == SLASH and depth > 0:
            if roots[depth]:
                size = close_child(out, size, roots[depth])
            if braces[depth]:
                size = close_child(out, size, braces[depth])
            silent = 0 if silent == depth else silent
            depth -= 1
    return size
