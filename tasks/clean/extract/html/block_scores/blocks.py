"""The blocks of a page: the texts between block-level tags, each with counts of what is in it.

A row of a table of data is one block, a table for layout has blocks in its cells; <br> ends none.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.block_scores.text_words import NUM_WORD_KINDS
from tasks.clean.extract.html.output import AMPERSAND
from tasks.clean.extract.html.scanner import BASIS, PRIME, SEMICOLON, is_letter_or_digit, look_up
from tasks.clean.extract.html.tags import BLOCK, CAPTION, IMAGE, LINK, OPENS, ROW, TABLE
from tasks.clean.kernel_types import Bytes, Elements, Index, KeysAndValues, PerElement, Tables, Tags
from tasks.runtime.jit import jit

# Counts of a block. Words of scripts without spaces are two characters each. NUM_KINDS begins the words of the kinds.
(WORDS, LINKED_WORDS, TEXT_BYTES, COMMAS, SENTENCES, DIGITS, CAPITALISED, FOREIGN, LINKS, TAGS, IMAGES, FIRST, LAST,
 KINDS) = range(14)  # fmt: skip
NUM_COUNTS = KINDS + NUM_WORD_KINDS
MAX_REFERENCE_BYTES = 10
COMMA = ord(",")
# Classes of the first and last byte of a text: small letter, capital, digit; end of a sentence, colon, comma,
# separator, another sign; beyond ASCII.
_CLASSES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", ".!?", ":", ",;", "|/<>")
CAPITAL, DIGIT, SENTENCE_END, OTHER_SIGN, BEYOND_ASCII = 2, 3, 4, 8, 9
BYTE_CLASSES = np.full(256, OTHER_SIGN, np.uint8)
BYTE_CLASSES[128:] = BEYOND_ASCII
for _number, _characters in enumerate(_CLASSES, start=1):
    BYTE_CLASSES[[ord(character) for character in _characters]] = _number


@jit
def skip_reference(data: Bytes, position: Index, stop: Index) -> Any:
    """Return the position after the character reference at a position, or after its `&` where it is none."""
    end = position + 1
    while end < stop and end - position < MAX_REFERENCE_BYTES and (is_letter_or_digit(data[end]) or data[end] == 35):
        end += 1
    return end + 1 if end < stop and data[end] == SEMICOLON else position + 1


@jit
def count_text(  # noqa: C901, PLR0912, PLR0915 - one pass with one state
    data: Bytes, start: Index, stop: Index, counts: Any, is_linked: bool, words: KeysAndValues
) -> None:
    """Add the words and signs of a text to the counts of its block."""
    # counters in registers: adding to an array for each byte takes twice as long
    num_words, num_wide, num_bytes, num_foreign, num_digits = 0, 0, 0, 0, 0
    num_commas, num_sentences, num_capitalised = 0, 0, 0
    position, key, first_byte, last_byte = start, BASIS, np.uint8(0), np.uint8(0)
    while position < stop:
        byte = data[position]
        group = BYTE_CLASSES[byte]
        if group <= DIGIT or group == BEYOND_ASCII:
            if key == BASIS:
                num_capitalised += group == CAPITAL
            if group == BEYOND_ASCII:
                num_foreign += 1
                # punctuation and characters of scripts that are written without spaces have three bytes each
                if byte >= 0xE3:
                    second = data[position + 1] if position + 2 < stop else np.uint8(0)
                    third = data[position + 2] if position + 2 < stop else np.uint8(0)
                    if byte == 0xE3 and second == 0x80 and (third in (0x81, 0x82)):
                        num_sentences += third == 0x82
                        num_commas += third == 0x81
                    elif byte == 0xEF and second == 0xBC and (third in (0x81, 0x8C, 0x9F)):
                        num_sentences += third != 0x8C
                        num_commas += third == 0x8C
                    elif byte <= 0xED:
                        num_wide += 1
            elif group == DIGIT:
                num_digits += 1
            elif group == CAPITAL:
                byte |= np.uint8(0x20)
            key = (key ^ np.uint64(byte)) * PRIME
        else:
            if key != BASIS:
                num_words += 1
                kind = look_up(words[0], words[1], key)
                if kind:
                    counts[KINDS + kind - 1] += 1
                key = BASIS
            if byte == AMPERSAND:
                position = skip_reference(data, position, stop)
                num_bytes += 1
                continue
            if byte == COMMA:
                num_commas += 1
            elif group == SENTENCE_END and (position + 1 >= stop or data[position + 1] <= 32):
                num_sentences += 1
        if byte > 32:
            num_bytes += 1
            last_byte = data[position]
            if first_byte == 0:
                first_byte = last_byte
        position += 1
    if key != BASIS:
        num_words += 1
        kind = look_up(words[0], words[1], key)
        if kind:
            counts[KINDS + kind - 1] += 1
    num_words += num_wide // 2
    counts[WORDS] += num_words
    counts[LINKED_WORDS] += num_words if is_linked else 0
    counts[TEXT_BYTES] += num_bytes
    counts[COMMAS] += num_commas
    counts[SENTENCES] += num_sentences
    counts[DIGITS] += num_digits
    counts[CAPITALISED] += num_capitalised
    counts[FOREIGN] += num_foreign
    if first_byte:
        counts[LAST] = BYTE_CLASSES[last_byte]
        if counts[FIRST] == 0:
            counts[FIRST] = BYTE_CLASSES[first_byte]


@jit
def is_boundary(kind: Any, role: Any, table: Index) -> Any:
    """Return whether a block of text ends at a tag: not at <br>, and not in a row of a table of data."""
    return kind & BLOCK and kind & OPENS and (not table or role in (ROW, TABLE, CAPTION))


@jit
def find_blocks(
    data: Bytes,
    tags: Tags,
    elements: Elements,
    of_tag: PerElement,
    surroundings: Any,
    tables: Tables,
    words: KeysAndValues,
) -> Any:
    """Find the blocks with text. Return (block of each tag, counts of each block, element of each block).

    The block of a tag is that of the text after it; -1 where that is no text. `surroundings` are (whether the text
    after each tag is in a link, whether each element is no text, the table of data that each element is in). The
    element of a block is the innermost block-level one around its first text.
    """
    start, stop, codes, _, weight, _, _ = tags
    code, parent, _, _, _, _, _ = elements
    _, kinds, roles, _, _, _ = tables
    in_link, unseen, table = surroundings
    size = len(codes)
    block_of, element_of = np.full(size, -1, np.int32), np.zeros(size, np.int32)
    counts = np.zeros((size, NUM_COUNTS), np.int32)
    num, is_open = 0, False  # is_open: block `num` has text
    num_links, num_tags, num_images = 0, 0, 0
    for index in range(size):
        within, tag = of_tag[index], codes[index]
        kind, role = kinds[abs(tag)], roles[abs(tag)]
        if is_boundary(kind, role, table[within]):
            num, is_open = num + is_open, False
            num_links, num_tags, num_images = 0, 0, 0
        elif tag > 0:
            num_links += role == LINK
            num_images += role == IMAGE
            num_tags += 1
        if unseen[within]:
            continue
        # text without words belongs to the block that it may be in the midst of: line breaks of code, formulas
        block_of[index] = num
        if weight[index]:
            if not is_open:
                element = within
                while element and not kinds[code[element]] & BLOCK:
                    element = parent[element]
                element_of[num], is_open = element, True
            end = start[index + 1] if index + 1 < size else len(data)
            count_text(data, stop[index], end, counts[num], in_link[index], words)
            counts[num, LINKS], counts[num, TAGS], counts[num, IMAGES] = num_links, num_tags, num_images
    num += is_open
    return block_of, counts[:num].copy(), element_of[:num].copy()
