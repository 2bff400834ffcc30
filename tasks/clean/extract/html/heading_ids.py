"""Ids that were made from headings: `<section id="comments"><h2>Comments</h2>` is a section, no part of the layout."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.name_words import LOOSE, NAMED_BY_ID, PART_HINTS, WITH_ID
from tasks.clean.extract.html.output import AMPERSAND
from tasks.clean.extract.html.scanner import (
    EQUALS,
    GREATER,
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
from tasks.clean.extract.html.tags import HEADING, ID
from tasks.clean.kernel_types import Bytes, Elements, Index, KeysAndValues, PerElement, Tables, Tags
from tasks.runtime.jit import jit

MAX_SLUG_BYTES = 64
MAX_ID_BYTES = 256  # the parts of an id are compared one after the other, so a long one would take quadratic time
MAX_REFERENCE_BYTES = 10
MAX_ELEMENTS_BEFORE = 4  # between an element with an id and its heading, as empty anchors
MIN_HEADING_IDS = 2  # from so many on a page, its ids are made by a program


@jit
def find_id(data: Bytes, position: Index, names: KeysAndValues) -> Any:
    """Return the start and stop of the value of `id` in the start tag whose "<" is at `position`; equal for none."""
    _, position = read_name(data, position + 1)
    while position < len(data) and data[position] != GREATER:
        if data[position] <= 32 or data[position] == SLASH:
            position += 1
            continue
        key, stop = read_name(data, position)
        position = skip_space(data, max(stop, position + 1))
        if position >= len(data) or data[position] != EQUALS:
            continue
        start, stop, position = read_value(data, skip_space(data, position + 1))
        if look_up(names[0], names[1], key) == ID:
            return start, stop
    return 0, 0


@jit
def read_slug(data: Bytes, start: Index, stop: Index, slug: Bytes, size: Index) -> Any:
    """Add the letters and digits of a text to a slug, in lower case; return its new size."""
    position = start
    while position < stop and size < MAX_SLUG_BYTES:
        if data[position] == AMPERSAND:  # a reference is a sign
            end = position + 1
            while end < stop and end - position < MAX_REFERENCE_BYTES and is_letter_or_digit(data[end]):
                end += 1
            position = end + 1 if end < stop and data[end] == SEMICOLON else position + 1
            continue
        if is_letter_or_digit(data[position]):
            slug[size] = lower_byte(data[position])
            size += 1
        position += 1
    return size


@jit
def is_made_from(data: Bytes, start: Index, stop: Index, slug: Bytes, size: Index) -> Any:
    """Return whether the id data[start:stop] says the slug of a heading.

    It may stop early, go on with digits, or begin with a word of its own, as `section-` or `user-content-`.
    """
    if size == 0 or stop - start > MAX_ID_BYTES:
        return False
    first = start
    while first < stop:
        same, position = 0, first
        while position < stop:
            if is_letter_or_digit(data[position]):
                if same >= size or lower_byte(data[position]) != slug[same]:
                    break
                same += 1
            position += 1
        while same == size and position < stop and not is_letter(data[position]):
            position += 1  # a number, because another heading has the same words
        if position == stop and same:
            return True
        # the next part of the id
        while first < stop and is_letter_or_digit(data[first]):
            first += 1
        while first < stop and not is_letter_or_digit(data[first]):
            first += 1
    return False


@jit
def find_heading_ids(
    data: Bytes, tags: Tags, elements: Elements, of_tag: PerElement, opener: PerElement, tables: Tables
) -> Any:
    """Return for each element whether its id was made from the heading that it is, is in, or begins with."""
    start, stop, codes, _, weight, _, _ = tags
    code, parent, hints, _, _, last, _ = elements
    _, _, roles, _, names, _ = tables
    is_made, slug = np.zeros(len(code), np.bool_), np.zeros(MAX_SLUG_BYTES, np.uint8)
    for element in range(1, len(code)):
        if not hints[element] & WITH_ID:
            continue
        heading = element
        if roles[code[parent[element]]] != HEADING:
            while heading <= last[element] and roles[code[heading]] != HEADING:
                heading += 1
                if heading - element > MAX_ELEMENTS_BEFORE:
                    break
            if heading > last[element] or roles[code[heading]] != HEADING:
                continue
        has_text = False
        for index in range(opener[element], opener[heading]):
            has_text = has_text or weight[index] > 0
        if has_text:
            continue
        size, index = 0, opener[heading]
        while index < len(codes) and heading <= of_tag[index] <= last[heading]:
            end = start[index + 1] if index + 1 < len(codes) else len(data)
            size = read_slug(data, stop[index], end, slug, size)
            index += 1
        first, behind = find_id(data, start[opener[element]], names)
        is_made[element] = is_made_from(data, first, behind, slug, size)
    return is_made


@jit
def clear_heading_ids(elements: Elements, is_made: PerElement) -> None:
    """Take the hints of ids that were made from headings away, on pages where a program makes them.

    On one page alone, `<div id="comments"><h3>Comments</h3>` is where readers comment.
    """
    _, _, hints, _, _, _, _ = elements
    if is_made.sum() < MIN_HEADING_IDS:
        return
    for element in range(1, len(hints)):
        if is_made[element] and hints[element] & NAMED_BY_ID:
            hints[element] &= ~np.uint32(PART_HINTS | LOOSE)
