"""The lines that C4 removes, and its counts in the others.

Source: Raffel et al., JMLR 21(140), 2020, section 2.2, and its code, `c4_utils.py` of TensorFlow Datasets (citations,
policy phrases, words of more than 1,000 characters).
"""

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.clean.kernel_types import Byte, Bytes, CharacterTable, Counts, Index, LineFields, Offsets
from tasks.clean.measures import line_scanner
from tasks.clean.measures.characters import CLOSING, FLAG_SHIFT, TERMINAL, build_character_table, read_buffers
from tasks.clean.measures.line_scanner import CURLY, LONGEST, TAIL, WORDS, read_line
from tasks.clean.measures.lines import ends_in_ellipsis, is_one_of, read_last_character
from tasks.runtime.jit import jit, jit_inline

# The counts, in this order.
COUNT_NAMES = ("num_bad_lines", "num_sentences", "num_lorem_ipsum", "num_curly_lines")
BAD, SENTENCES, LOREM, CURLY_LINES = range(4)

LOWER_BIT = np.uint8(0x20)  # the bit in which small and capital letters of ASCII differ
MIN_WORDS, MAX_WORD_LENGTH = 3, 1000
# Each contains one of TRIGRAMS; only lines with one are searched. C4 treats the first two differently from the others.
PHRASES = (
    "lorem ipsum",
    "javascript",
    *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
)
SEARCH_BLOCK = 256  # bytes
TRIGRAMS = np.frombuffer(b"ipsvasf uvacoki", np.uint8)  # ips, vas, f u, vac, oki
PHRASE_BYTES = np.frombuffer("".join(PHRASES).encode(), np.uint8)
PHRASE_ENDS = np.cumsum([len(phrase) for phrase in PHRASES])
CITATIONS = np.frombuffer(b"[edit][citation needed]", np.uint8)
CITATION_ENDS = np.array([6, 23])
# `"` and `'` as in C4, and the closing quotation marks of other languages
QUOTES = np.array([ord(mark) for mark in "\"'”’」』»"], np.uint32)


def remove_bad_lines(texts: pl.Series) -> pl.Series:
    """Return the texts without the lines that C4 removes; blank lines are kept between the rests of paragraphs."""
    data, offsets = read_buffers(texts)
    # the rest is never longer: the line feed of a blank line stands for one that was there
    kept, ends = np.empty(len(data), np.uint8), np.zeros(len(offsets), np.int64)
    copy_good_lines(data, offsets, build_character_table(), kept, ends)
    array = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(kept))
    return pl.Series(texts.name, array).str.strip_chars("\n")


@jit
def copy_good_lines(data: Bytes, offsets: Offsets, table: CharacterTable, kept: Bytes, ends: Offsets) -> None:
    """Copy every good line to `kept`, with a blank one that precedes it; fill `ends` with the end of each text."""
    # a word takes at least one byte, so the longest text gives the room for words
    longest, filled = 1, 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    hashes, lengths = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    line, counts = np.zeros(line_scanner.NUM_LINE_FIELDS, np.int64), np.zeros(len(line_scanner.COUNT_NAMES), np.int64)
    for row in range(offsets.size - 1):
        begin, end, blank = offsets[row], offsets[row + 1], False  # blank: a blank line is due before the next
        while begin < end:
            counts[:] = 0
            stop = read_line(data, begin, end, table, counts, hashes, lengths, line)
            # a line whose last word ends where the line begins has no word
            if line[TAIL] == begin:
                # not before the first line that is kept
                blank = filled > ends[row]
            elif not is_removed(data, begin, table, line, counts[WORDS]):
                if blank:
                    kept[filled] = ord("\n")
                    filled += 1
                blank = False
                copied = min(stop + 1, end) - begin
                kept[filled : filled + copied] = data[begin : begin + copied]
                filled += copied
            begin = stop + 1
        ends[row + 1] = filled


@jit_inline
def count_c4_line(
    data: Bytes,
    begin: Index,
    table: CharacterTable,
    line: LineFields,
    num_words: Index,
    suspect: bool,
    counts: Counts,
) -> None:
    """Count a line that was read, by C4's rules in its order: it is bad, or drops the page, or its sentences count.

    `suspect` tells that it contains one of TRIGRAMS.
    """
    tail = line[TAIL]
    if is_fragment(data, begin, table, line, num_words):
        counts[BAD] += 1
        return
    if suspect and has_phrase(data, begin, tail, 0, 1):
        counts[LOREM] += 1
    elif suspect and has_phrase(data, begin, tail, 1, 2):
        counts[BAD] += 1
    elif line[CURLY]:
        counts[CURLY_LINES] += 1
    elif suspect and has_phrase(data, begin, tail, 2, PHRASE_ENDS.size):
        counts[BAD] += 1
    else:
        counts[SENTENCES] += line[line_scanner.SENTENCES]


@jit
def is_removed(data: Bytes, begin: Index, table: CharacterTable, line: LineFields, num_words: Index) -> Any:
    """Return whether C4 removes a line of a kept page."""
    return is_fragment(data, begin, table, line, num_words) or (
        find_next_trigram(data, begin, line[TAIL]) <= line[TAIL]
        and has_phrase(data, begin, line[TAIL], 1, PHRASE_ENDS.size)
    )


@jit_inline
def is_fragment(data: Bytes, begin: Index, table: CharacterTable, line: LineFields, num_words: Index) -> Any:
    """Return whether a line is too short, ends in the middle of a sentence, or has a word that is too long."""
    if num_words < MIN_WORDS or line[LONGEST] > MAX_WORD_LENGTH:
        return True
    tail = line[TAIL]
    if data[tail - 1] == ord("]"):
        tail = strip_citations(data, begin, tail)
    if tail == begin or ends_in_ellipsis(data, begin, tail):
        return True
    code = read_last_character(data, begin, tail)
    # code points above the table have no flags
    entry = table[code] if code < table.size else np.uint32(0)
    return not (
        entry >> np.uint32(FLAG_SHIFT) & np.uint32(TERMINAL)
        or (entry >> np.uint32(FLAG_SHIFT) & np.uint32(CLOSING) and is_one_of(code, QUOTES))
    )


@jit
def find_next_trigram(data: Bytes, begin: Index, end: Index) -> Index:
    """Return the end of the first of TRIGRAMS from `begin` on, in any case; a position after `end` for none."""
    for start in range(begin, end - 2, SEARCH_BLOCK):
        first, last = start, min(start + SEARCH_BLOCK, end - 2)
        if has_trigram(data[first : last + 2]):
            # Bisect the block for its position. Invariant: a trigram begins in `first` to `last` - 1, and none before
            # `first`.
            while last - first > 1:
                middle = (first + last) // 2
                is_left = has_trigram(data[first : middle + 2])
                first, last = (first, middle) if is_left else (middle, last)
            return first + 3
    return end + 1


@jit
def has_trigram(text: Bytes) -> Any:
    """Return whether one of TRIGRAMS is in a text, in any case."""
    least = np.uint8(0xFF)
    for trigram in range(0, TRIGRAMS.size, 3):
        first, second, third = TRIGRAMS[trigram], TRIGRAMS[trigram + 1], TRIGRAMS[trigram + 2]
        # without a branch and in bytes, so that the compiler vectorises: 0 in `least` when all three bytes are equal
        for position in range(text.size - 2):
            # a NUL byte looks like the space of "f u": a false alarm, which `has_phrase` sets right
            differences = (
                (text[position] | LOWER_BIT) ^ first
                | (text[position + 1] | LOWER_BIT) ^ second
                | (text[position + 2] | LOWER_BIT) ^ third
            )
            least = min(least, np.uint8(differences))
    return least == 0


@jit
def has_phrase(data: Bytes, begin: Index, stop: Index, first: Index, last: Index) -> bool:
    """Return whether the line data[begin:stop] has one of PHRASES[first:last], in any case."""
    for phrase in range(first, last):
        phrase_start = PHRASE_ENDS[phrase - 1] if phrase else 0
        size = PHRASE_ENDS[phrase] - phrase_start
        for position in range(begin, stop - size + 1):
            same = 0
            while same < size and lower_byte(data[position + same]) == PHRASE_BYTES[phrase_start + same]:
                same += 1
            if same == size:
                return True
    return False


@jit
def lower_byte(byte: Byte) -> Byte:
    """Return an ASCII letter in lower case, any other byte unchanged."""
    return byte | LOWER_BIT if ord("A") <= byte <= ord("Z") else byte


@jit
def strip_citations(data: Bytes, begin: Index, stop: Index) -> Index:
    """Return the end of the line data[begin:stop] without [3], [edit] and [citation needed] at its end."""
    while stop - begin >= 2 and data[stop - 1] == ord("]"):
        opened = stop - 2
        while opened > begin and data[opened] != ord("["):
            opened -= 1
        if not is_citation(data, opened, stop):
            return stop
        stop = opened
        while stop > begin and data[stop - 1] == ord(" "):
            stop -= 1
    return stop


@jit
def is_citation(data: Bytes, opened: Index, stop: Index) -> Any:
    """Return whether data[opened:stop] is a number in brackets, or one of CITATIONS."""
    first = 0
    for last in CITATION_ENDS:
        same = 0
        while same < last - first and opened + same < stop and data[opened + same] == CITATIONS[first + same]:
            same += 1
        if same == last - first == stop - opened:
            return True
        first = last
    if data[opened] != ord("["):
        return False
    opened += 1
    # ends at the closing bracket at the latest
    while ord("0") <= data[opened] <= ord("9"):
        opened += 1
    return opened == stop - 1
