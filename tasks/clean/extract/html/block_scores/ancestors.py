"""Facts about the elements of a page from which its blocks are described: sums of their text, paths, distances."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.block_scores.blocks import COMMAS, LINKED_WORDS, SENTENCES, WORDS
from tasks.clean.kernel_types import Elements, Flags, PerElement
from tasks.runtime.jit import jit

MAX_DISTANCE = 12  # farther ancestors, and lack of any
PATH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
# sums of the blocks in an element
ALL_WORDS, IN_LINKS, PROSE, NUM_BLOCKS, NUM_SUMS = range(5)


@jit
def sum_elements(elements: Elements, counts: Any, element_of: PerElement) -> Any:
    """Return for each element the sums of its blocks: words, words in links, words of prose, blocks (elements, 4).

    Prose are blocks with a sentence or a comma for some ten words outside links.
    """
    _, parent, _, _, _, _, _ = elements
    sums = np.zeros((len(parent), NUM_SUMS), np.int64)
    for block in range(len(element_of)):
        element = element_of[block]
        plain = counts[block, WORDS] - counts[block, LINKED_WORDS]
        sums[element, ALL_WORDS] += counts[block, WORDS]
        sums[element, IN_LINKS] += counts[block, LINKED_WORDS]
        if plain >= 8 and counts[block, COMMAS] + counts[block, SENTENCES] > 0 and plain > counts[block, LINKED_WORDS]:
            sums[element, PROSE] += plain
        sums[element, NUM_BLOCKS] += 1
    for element in range(len(parent) - 1, 0, -1):
        sums[parent[element]] += sums[element]
    return sums


@jit
def find_distances(elements: Elements, opener: PerElement, names: Any, is_made: PerElement, tag_bits: Flags) -> Any:
    """Return the distance to the nearest ancestor of each group of names, then of tags, and the groups' elements.

    The distances (elements, groups) are at most MAX_DISTANCE; `tag_bits` has the groups of each tag as bits. The names
    of an element whose id was made from a heading are those of its class.
    """
    code, parent, _, _, _, _, _ = elements
    num_groups = 64 + 32
    distance = np.full((len(code), num_groups), MAX_DISTANCE, np.uint8)
    totals = np.zeros(num_groups, np.int32)
    for element in range(1, len(code)):
        above = parent[element]
        for group in range(num_groups):
            distance[element, group] = min(distance[above, group] + 1, MAX_DISTANCE)
        tag = opener[element]
        bits = names[tag, 0] if is_made[element] else names[tag, 0] | names[tag, 1]
        group = 0
        while bits:
            if bits & np.uint64(1):
                distance[element, group] = 0
                totals[group] += 1
            bits >>= np.uint64(1)
            group += 1
        bits, group = np.uint64(tag_bits[code[element]]), 64
        while bits:
            if bits & np.uint64(1):
                distance[element, group] = 0
                totals[group] += 1
            bits >>= np.uint64(1)
            group += 1
    return distance, totals


@jit
def hash_paths(elements: Elements, opener: PerElement, names: Any) -> Any:
    """Return two hashes of each element's path from the page down: of tags, and of tags and classes."""
    code, parent, _, _, _, _, _ = elements
    paths = np.zeros((len(code), 2), np.uint64)
    for element in range(1, len(code)):
        above = parent[element]
        by_tag = (paths[above, 0] ^ np.uint64(code[element])) * PATH_FACTOR
        by_class = (paths[above, 1] ^ np.uint64(code[element]) ^ names[opener[element], 2]) * PATH_FACTOR
        # the high bits of a product are the mixed ones
        paths[element, 0], paths[element, 1] = (
            by_tag ^ (by_tag >> np.uint64(29)),
            by_class ^ (by_class >> np.uint64(29)),
        )
    return paths


@jit
def count_repeats(keys: Any, counts: Any) -> Any:
    """Return for each block how many blocks have its key, their words, and their words in links (blocks, 3)."""
    size = len(keys)
    num_slots = 1
    while num_slots < 2 * size + 1:
        num_slots *= 2
    slots, first = np.full(num_slots, -1, np.int32), np.zeros(size, np.int32)
    sums = np.zeros((size, 3), np.int64)
    mask = np.uint64(num_slots - 1)
    for block in range(size):
        slot = (keys[block] >> np.uint64(17)) & mask
        while slots[slot] >= 0 and keys[slots[slot]] != keys[block]:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] < 0:
            slots[slot] = block
        first[block] = slots[slot]
        sums[first[block], 0] += 1
        sums[first[block], 1] += counts[block, WORDS]
        sums[first[block], 2] += counts[block, LINKED_WORDS]
    for block in range(size):
        sums[block] = sums[first[block]]
    return sums


@jit
def find_prose_path(parent: PerElement, sums: Any, percent: int) -> Any:
    """Return for each element whether it is on the way down to most of the prose: where a child has `percent` of it."""
    on_path = np.zeros(len(parent), np.bool_)
    on_path[0] = True
    root, column = 0, PROSE if sums[0, PROSE] else ALL_WORDS
    for element in range(1, len(parent)):
        if parent[element] == root and 100 * sums[element, column] >= percent * sums[0, column] and sums[0, column]:
            on_path[element] = True
            root = element
    return on_path, root
