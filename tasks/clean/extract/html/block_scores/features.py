"""The features of blocks and pages, as bytes: integers on a scale of four steps to each doubling, and fractions of 255.

Bytes and integer arithmetic give the same scores on every machine.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.block_scores.ancestors import (
    ALL_WORDS,
    IN_LINKS,
    NUM_BLOCKS,
    PROSE,
    count_repeats,
    find_distances,
    find_prose_path,
    hash_paths,
    sum_elements,
)
from tasks.clean.extract.html.block_scores.blocks import (
    CAPITALISED,
    COMMAS,
    DIGITS,
    FIRST,
    FOREIGN,
    IMAGES,
    KINDS,
    LAST,
    LINKED_WORDS,
    LINKS,
    NUM_COUNTS,
    SENTENCES,
    TAGS,
    TEXT_BYTES,
    WORDS,
)
from tasks.clean.extract.html.block_scores.declared_kinds import NUM_DECLARED_KINDS
from tasks.clean.extract.html.block_scores.text_words import NUM_WORD_KINDS
from tasks.clean.extract.html.name_words import GROUP_NAMES
from tasks.clean.extract.html.tags import KINDS as TAG_KINDS
from tasks.clean.kernel_types import Elements, Index, PerElement
from tasks.runtime.jit import jit

# groups of tags, as groups of names have; at most 32
TAG_GROUPS = (
    *("nav", "aside", "footer", "header", "main", "article", "section", "form fieldset", "table", "td th"),
    *("ul ol menu", "li", "dl dt dd", "blockquote", "figure figcaption", "pre", "details summary", "label"),
    *("h1", "h2", "h3", "h4 h5 h6", "p", "div", "address", "span", "caption", "dialog"),
)
NUM_NAME_GROUPS = len(GROUP_NAMES)
NUM_TAG_GROUPS = len(TAG_GROUPS)
_GROUP_OF_TAG = {tag: group for group, tags in enumerate(TAG_GROUPS) for tag in tags.split()}
TAG_BITS = np.array([0, *(1 << _GROUP_OF_TAG[tag] if tag in _GROUP_OF_TAG else 0 for tag in TAG_KINDS)], np.uint32)
H1, H2, H3, H4 = (64 + _GROUP_OF_TAG[tag] for tag in ("h1", "h2", "h3", "h4"))

NUM_NEIGHBOURS, NUM_ANCESTORS, MAX_POSITION = 2, 4, 250
NUM_OWN, NUM_NEAR, NUM_ABOVE, NUM_PATH = 22, 6, 6, 6
NUM_PAGE_NAMES = NUM_NAME_GROUPS + NUM_TAG_GROUPS
NUM_FEATURES_OF_BLOCK = (
    NUM_NAME_GROUPS + NUM_TAG_GROUPS + NUM_OWN + 2 * NUM_NEIGHBOURS * NUM_NEAR
    + NUM_ANCESTORS * NUM_ABOVE + NUM_PATH + 14
)  # fmt: skip
NUM_FEATURES_OF_PAGE = NUM_PAGE_NAMES + 20 + NUM_DECLARED_KINDS
# the names of a page's parts say what kind it is, and add nothing to the score of a block
NUM_FEATURES = NUM_FEATURES_OF_BLOCK + NUM_FEATURES_OF_PAGE - NUM_PAGE_NAMES


@jit
def scale_number(number: Any) -> Any:
    """Return a number on a scale of four steps to each doubling, exactly up to 4."""
    number = max(np.int64(number), 0)
    if number < 4:
        return number
    exponent = 2
    while number >> (exponent + 1):
        exponent += 1
    return 4 * (exponent - 1) + ((number >> (exponent - 2)) & 3)


@jit
def scale_fraction(part: Any, whole: Any) -> Any:
    """Return a fraction in 254ths; 255 where the whole is 0."""
    return min(254 * np.int64(part) // np.int64(whole), 254) if whole > 0 else 255


@jit
def describe_page(row: Any, counts: Any, sums: Any, totals: Any, verdict_words: Any, declared: int) -> None:
    """Write the features of a page: how many elements have each group of names and tags, and sums of its text."""
    column = 0
    for group in range(NUM_NAME_GROUPS):
        row[column] = scale_number(totals[group])
        column += 1
    for group in range(NUM_TAG_GROUPS):
        row[column] = scale_number(totals[64 + group])
        column += 1
    words = sums[0, ALL_WORDS]
    longest, num_long, long_words, links, images = 0, 0, 0, 0, 0
    signs = np.zeros(NUM_COUNTS, np.int64)
    for block in range(len(counts)):
        longest = max(longest, counts[block, WORDS])
        num_long += counts[block, WORDS] >= 20
        long_words += counts[block, WORDS] if counts[block, WORDS] >= 20 else 0
        links += counts[block, LINKS]
        images += counts[block, IMAGES]
        signs += counts[block]
    row[column], row[column + 1] = scale_number(words), scale_number(sums[0, NUM_BLOCKS])
    row[column + 2] = scale_fraction(sums[0, IN_LINKS], words)
    row[column + 3] = scale_fraction(sums[0, PROSE], words)
    row[column + 4], row[column + 5] = scale_number(longest), scale_number(num_long)
    row[column + 6], row[column + 7] = scale_fraction(long_words, words), scale_number(links)
    row[column + 8] = scale_number(images)
    row[column + 9], row[column + 10] = scale_fraction(verdict_words[0], words), scale_fraction(verdict_words[1], words)
    row[column + 11] = scale_fraction(signs[FOREIGN], signs[TEXT_BYTES])
    row[column + 12] = scale_fraction(signs[DIGITS], signs[TEXT_BYTES])
    # the last two are the same kind of words in two groups of languages
    signs[KINDS + NUM_WORD_KINDS - 2] += signs[KINDS + NUM_WORD_KINDS - 1]
    for kind in range(NUM_WORD_KINDS - 1):
        row[column + 13 + kind] = scale_fraction(signs[KINDS + kind], words)
    for kind in range(NUM_DECLARED_KINDS):
        row[column + 20 + kind] = declared >> kind & 1


@jit
def describe_own(row: Any, column: Index, counts: Any, element: Index, elements: Elements, depth: PerElement) -> Any:
    """Write what a block's own text says; return the next column."""
    code = elements[0]
    words, size = counts[WORDS], counts[TEXT_BYTES]
    row[column] = scale_number(words)
    row[column + 1] = scale_fraction(counts[LINKED_WORDS], words)
    row[column + 2] = scale_number(words - counts[LINKED_WORDS])
    row[column + 3] = scale_number(counts[COMMAS])
    row[column + 4] = scale_number(counts[SENTENCES])
    row[column + 5] = scale_fraction(counts[DIGITS], size)
    row[column + 6] = scale_fraction(counts[CAPITALISED], words)
    row[column + 7] = scale_fraction(counts[FOREIGN], size)
    row[column + 8], row[column + 9] = scale_number(counts[LINKS]), scale_number(counts[TAGS])
    row[column + 10] = scale_number(counts[IMAGES])
    row[column + 11], row[column + 12] = counts[FIRST], counts[LAST]
    row[column + 13] = scale_fraction(size, 20 * words)
    row[column + 14], row[column + 15] = min(depth[element], MAX_POSITION), code[element]
    for kind in range(6):
        row[column + 16 + kind] = min(counts[KINDS + kind], 8)
    return column + NUM_OWN


@jit
def describe_near(
    row: Any, column: Index, counts: Any, element_of: PerElement, block: Index, other: Index, elements: Elements
) -> Any:
    """Write what a block before or behind says; return the next column."""
    code, parent, _, _, _, _, _ = elements
    if 0 <= other < len(counts):
        row[column] = scale_number(counts[other, WORDS])
        row[column + 1] = scale_fraction(counts[other, LINKED_WORDS], counts[other, WORDS])
        row[column + 2] = scale_number(counts[other, COMMAS] + counts[other, SENTENCES])
        row[column + 3] = code[element_of[other]]
        same = element_of[other] == element_of[block] or parent[element_of[other]] == parent[element_of[block]]
        row[column + 4] = same
        row[column + 5] = counts[other, LAST]
    else:
        for offset in range(NUM_NEAR):
            row[column + offset] = 255
    return column + NUM_NEAR


@jit
def describe_above(row: Any, column: Index, sums: Any, ancestor: Index, elements: Elements) -> Any:
    """Write what an ancestor of a block holds; return the next column."""
    code, _, _, _, _, _, _ = elements
    row[column] = scale_number(sums[ancestor, ALL_WORDS])
    row[column + 1] = scale_fraction(sums[ancestor, IN_LINKS], sums[ancestor, ALL_WORDS])
    row[column + 2] = scale_fraction(sums[ancestor, ALL_WORDS], sums[0, ALL_WORDS])
    row[column + 3] = scale_fraction(sums[ancestor, PROSE], sums[0, PROSE])
    row[column + 4] = scale_fraction(sums[ancestor, PROSE], sums[ancestor, ALL_WORDS])
    row[column + 5] = code[ancestor]
    return column + NUM_ABOVE


@jit
def describe_blocks(  # noqa: C901, PLR0915 - one row of features
    elements: Elements,
    naming: Any,
    counts: Any,
    element_of: PerElement,
    excluded: PerElement,
    left_out: PerElement,
    declared: int,
) -> Any:
    """Return the features of each block (blocks, NUM_FEATURES) and of the page (NUM_FEATURES_OF_PAGE).

    `naming` is (opener of each element, names of each tag, whether its id was made from a heading, TAG_BITS);
    `excluded` and `left_out` are what `find_excluded` found, `declared` what `find_declared_kinds` found.
    """
    _, parent, _, _, _, _, _ = elements
    opener, names, is_made, tag_bits = naming
    sums = sum_elements(elements, counts, element_of)
    distance, totals = find_distances(elements, opener, names, is_made, tag_bits)
    paths = hash_paths(elements, opener, names)
    depth = np.zeros(len(parent), np.int32)
    for element in range(1, len(parent)):
        depth[element] = depth[parent[element]] + 1
    on_half, half_root = find_prose_path(parent, sums, 50)
    on_most, most_root = find_prose_path(parent, sums, 80)
    half_level, most_level = np.zeros(len(parent), np.int32), np.zeros(len(parent), np.int32)
    for element in range(1, len(parent)):
        above = parent[element]
        half_level[element] = half_level[above] + on_half[element]
        most_level[element] = most_level[above] + on_most[element]
    num_blocks = len(counts)
    rows = np.zeros((num_blocks, NUM_FEATURES), np.uint8)
    page, verdict_words = np.zeros(NUM_FEATURES_OF_PAGE, np.uint8), np.zeros(2, np.int64)
    keys = np.zeros((2, num_blocks), np.uint64)
    num_h1 = totals[H1]
    for block in range(num_blocks):
        element = element_of[block]
        verdict_words[0] += counts[block, WORDS] if excluded[element] else 0
        verdict_words[1] += counts[block, WORDS] if left_out[element] else 0
        keys[0, block], keys[1, block] = paths[element, 0], paths[element, 1]
    describe_page(page, counts, sums, totals, verdict_words, declared)
    by_tag, by_class = count_repeats(keys[0], counts), count_repeats(keys[1], counts)
    words_before, since_heading, heading_level, num_h1_before = 0, 0, 0, 0
    for block in range(num_blocks):
        row, element = rows[block], element_of[block]
        column = 0
        for group in range(NUM_NAME_GROUPS):
            row[column] = distance[element, group]
            column += 1
        for group in range(NUM_TAG_GROUPS):
            row[column] = distance[element, 64 + group]
            column += 1
        column = describe_own(row, column, counts[block], element, elements, depth)
        for offset in range(1, NUM_NEIGHBOURS + 1):
            column = describe_near(row, column, counts, element_of, block, block - offset, elements)
            column = describe_near(row, column, counts, element_of, block, block + offset, elements)
        ancestor = element
        for _ in range(NUM_ANCESTORS):
            column = describe_above(row, column, sums, ancestor, elements)
            ancestor = parent[ancestor]
        for repeats in (by_tag, by_class):
            row[column] = scale_number(repeats[block, 0])
            row[column + 1] = scale_number(repeats[block, 1])
            row[column + 2] = scale_fraction(repeats[block, 2], repeats[block, 1])
            column += 3
        is_heading = (
            distance[element, H1] < 2 or distance[element, H2] < 2 or distance[element, H3] < 2
            or distance[element, H4] < 2
        )  # fmt: skip
        if is_heading:
            since_heading = 0
            heading_level = 1 if distance[element, H1] < 2 else 2 if distance[element, H2] < 2 else 3
            num_h1_before += heading_level == 1
        row[column], row[column + 1] = is_heading, heading_level
        row[column + 2] = scale_number(since_heading)
        row[column + 3] = 2 if num_h1 == 0 else num_h1_before > 0
        row[column + 4] = scale_fraction(words_before, sums[0, ALL_WORDS])
        row[column + 5] = scale_fraction(block, num_blocks)
        row[column + 6], row[column + 7] = scale_number(words_before), scale_number(block)
        row[column + 8] = min(half_level[half_root] - half_level[element], MAX_POSITION)
        row[column + 9] = min(depth[element] - half_level[element], MAX_POSITION)
        row[column + 10] = min(most_level[most_root] - most_level[element], MAX_POSITION)
        row[column + 11], row[column + 12] = excluded[element], left_out[element]
        row[column + 13] = scale_number(sums[0, ALL_WORDS] - words_before)
        column += 14
        since_heading += 1
        words_before += counts[block, WORDS]
        for offset in range(NUM_PAGE_NAMES, NUM_FEATURES_OF_PAGE):
            row[column + offset - NUM_PAGE_NAMES] = page[offset]
    return rows, page
