"""A page as arrays, from its bytes to the text that is rendered."""

from typing import Any, NamedTuple

import numpy as np

from tasks.clean.extract.html.elements import build_elements, has_text_in_noscript
from tasks.clean.extract.html.heading_ids import clear_heading_ids, find_heading_ids
from tasks.clean.extract.html.lexer import read_tags
from tasks.clean.extract.html.main_content import clear_gutters, find_unreadable
from tasks.clean.extract.html.render import render_text
from tasks.clean.extract.html.tags import NOSCRIPT, NOSCRIPT_TABLES, TABLES
from tasks.clean.extract.unusable import UnusablePage
from tasks.clean.kernel_types import Bytes, Elements, PerElement, Tables, Tags


class PageArrays(NamedTuple):
    """The bytes of a page, and its tags and elements as `read_tags` and `build_elements` return them."""

    source: bytes
    data: Bytes
    tags: Tags
    names: Any
    elements: Elements
    of_tag: PerElement
    opener: PerElement
    in_link: PerElement
    is_made: PerElement  # whether an element's id was made from its heading
    tables: Tables
    title: bytes


def read_page_arrays(source: bytes, max_depth: int) -> PageArrays:
    """Read a page of UTF-8. Raises UnusablePage when it is nested deeper than max_depth."""
    data = np.frombuffer(source, np.uint8)
    tags, names, (start, stop) = read_tags(data, TABLES)
    tables = NOSCRIPT_TABLES if has_text_in_noscript(tags, NOSCRIPT) else TABLES
    elements, of_tag, (opener, in_link), depth = build_elements(tags, tables)
    if depth > max_depth:
        raise UnusablePage(f"nested deeper than {max_depth}")
    clear_gutters(data, tags, of_tag, elements)
    is_made = find_heading_ids(data, tags, elements, of_tag, opener, tables)
    clear_heading_ids(elements, is_made)
    title = source[start:stop]
    return PageArrays(source, data, tags, names, elements, of_tag, opener, in_link, is_made, tables, title)


def find_unreadable_text(page: PageArrays) -> PerElement:
    """Return for each tag whether what follows is no text, to keep all the rest of a page."""
    return find_unreadable(page.elements, page.tables)[page.of_tag]


def render_page(page: PageArrays, left_out: PerElement, bullets: bool, alt_texts: bool) -> bytes:
    """Return the text of a page without what is left out, with its character references."""
    # References are decoded after rendering: decoded before, `&lt;b&gt;` would be read as a tag.
    options = bullets, alt_texts
    text = render_text(page.data, page.tags, page.elements, page.of_tag, left_out, page.tables, options)
    return bytes(text.tobytes())
