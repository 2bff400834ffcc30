"""The lines that C4 removes, and what it counts in the others.

Source: Raffel et al., JMLR 21(140), 2020, section 2.2, and its code, `c4_utils.py` of TensorFlow Datasets (citations,
policy phrases, words of more than 1,000 characters).
"""

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.clean.measures import line_scanner
from tasks.clean.measures.characters import CLOSING, FLAGS, TERMINAL, bytes_of, character_table
from tasks.clean.measures.line_scanner import CURLY, LONGEST, TAIL, WORDS, read_line
from tasks.clean.measures.lines import among, ends_in_ellipsis, last_of
from tasks.runtime.jit import jit, jit_inline

# What is counted, in this order.
COUNTS = ("num_bad_lines", "num_sentences", "num_lorem_ipsum", "num_curly_lines")
BAD, SENTENCES, LOREM, CURLY_LINES = range(4)

LOWER = np.uint8(0x20)  # what tells small letters from capital ones in ASCII
FEWEST_WORDS, LONGEST_WORD = 3, 1000
# Each holds one of PIECES; only lines with one are searched.
PHRASES = (
    "lorem ipsum",
    "javascript",
    *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
)
BLOCK = 256  # bytes that are searched at once
PIECES = np.frombuffer(b"ipsvasf uvacoki", np.uint8)  # of three letters each
LETTERS = np.frombuffer("".join(PHRASES).encode(), np.uint8)
ENDS = np.cumsum([len(phrase) for phrase in PHRASES])
CITATIONS = np.frombuffer(b"[edit][citation needed]", np.uint8)
CITATION_ENDS = np.array([6, 23])
# `"` and `'` as in C4, and the marks that close quotations elsewhere
QUOTES = np.array([ord(mark) for mark in "\"'”’」』»"], np.uint32)


def without_bad_lines(texts: pl.Series) -> pl.Series:
    """The texts less the lines that C4 removes; blank lines stay between what is left of paragraphs."""
    data, offsets = bytes_of(texts)
    kept, ends = np.empty(len(data), np.uint8), np.zeros(len(offsets), np.int64)
    keep_lines(data, offsets, character_table(), kept, ends)
    made = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(kept))
    return pl.Series(texts.name, made).str.strip_chars("\n")


@jit
def keep_lines(data: Any, offsets: Any, table: Any, kept: Any, ends: Any) -> None:
    """Copy every good line, and a blank one before it, into `kept`; fill the end of each text."""
    longest, filled = 1, 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    hashes, lengths = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    line, counts = np.zeros(line_scanner.LINE, np.int64), np.zeros(len(line_scanner.COUNTS), np.int64)
    for row in range(offsets.size - 1):
        begin, end, blank = offsets[row], offsets[row + 1], False
        while begin < end:
            counts[:] = 0
            stop = read_line(data, begin, end, table, counts, hashes, lengths, line)
            if line[TAIL] == begin:
                blank = filled > ends[row]
            elif not removed(data, begin, table, line, counts[WORDS]):
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
def count_bad(data: Any, begin: Any, table: Any, line: Any, words: Any, suspect: Any, counts: Any) -> None:
    """Count a line that was read: it is bad, or drops the page, or its sentences count. C4's rules in its order."""
    tail = line[TAIL]
    if is_fragment(data, begin, table, line, words):
        counts[BAD] += 1
        return
    if suspect and holds(data, begin, tail, 0, 1):
        counts[LOREM] += 1
    elif suspect and holds(data, begin, tail, 1, 2):
        counts[BAD] += 1
    elif line[CURLY]:
        counts[CURLY_LINES] += 1
    elif suspect and holds(data, begin, tail, 2, ENDS.size):
        counts[BAD] += 1
    else:
        counts[SENTENCES] += line[line_scanner.SENTENCES]


@jit
def removed(data: Any, begin: Any, table: Any, line: Any, words: Any) -> Any:
    """Whether C4 removes a line of a page that stays."""
    return is_fragment(data, begin, table, line, words) or (
        next_suspect(data, begin, line[TAIL]) <= line[TAIL] and holds(data, begin, line[TAIL], 1, ENDS.size)
    )


@jit_inline
def is_fragment(data: Any, begin: Any, table: Any, line: Any, words: Any) -> Any:
    """Whether a line is too short, ends in the middle of a sentence, or has an endless word."""
    if words < FEWEST_WORDS or line[LONGEST] > LONGEST_WORD:
        return True
    tail = line[TAIL]
    if data[tail - 1] == ord("]"):
        tail = before_citations(data, begin, tail)
    if tail == begin or ends_in_ellipsis(data, begin, tail):
        return True
    code = last_of(data, begin, tail)
    entry = table[code] if code < table.size else np.uint32(0)
    return not (
        entry >> np.uint32(FLAGS) & np.uint32(TERMINAL)
        or (entry >> np.uint32(FLAGS) & np.uint32(CLOSING) and among(code, QUOTES))
    )


@jit
def next_suspect(data: Any, begin: Any, end: Any) -> Any:
    """Where the first of PIECES ends that begins at `begin` or later, in any case; past `end` when there is none."""
    for start in range(begin, end - 2, BLOCK):
        first, last = start, min(start + BLOCK, end - 2)
        if holds_piece(data[first : last + 2]):
            while last - first > 1:
                middle = (first + last) // 2
                is_left = holds_piece(data[first : middle + 2])
                first, last = (first, middle) if is_left else (middle, last)
            return first + 3
    return end + 1


@jit
def holds_piece(text: Any) -> Any:
    """Whether one of PIECES is in a text, in any case."""
    least = np.uint8(0xFF)
    for piece in range(0, PIECES.size, 3):
        first, second, third = PIECES[piece], PIECES[piece + 1], PIECES[piece + 2]
        # without a branch and in bytes, so that many places are compared at once
        for place in range(text.size - 2):
            differences = (
                (text[place] | LOWER) ^ first | (text[place + 1] | LOWER) ^ second | (text[place + 2] | LOWER) ^ third
            )
            least = min(least, np.uint8(differences))
    return least == 0


@jit
def holds(data: Any, begin: Any, stop: Any, first: Any, last: Any) -> Any:
    """Whether a line holds one of some phrases, in any case."""
    for phrase in range(first, last):
        left, right = ENDS[phrase - 1] if phrase else 0, ENDS[phrase]
        for place in range(begin, stop - (right - left) + 1):
            same = 0
            while same < right - left and lower(data[place + same]) == LETTERS[left + same]:
                same += 1
            if same == right - left:
                return True
    return False


@jit
def lower(byte: Any) -> Any:
    return byte | np.uint8(0x20) if ord("A") <= byte <= ord("Z") else byte


@jit
def before_citations(data: Any, begin: Any, stop: Any) -> Any:
    """Where a line ends without marks such as [3], [edit] and [citation needed] at its end."""
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
def is_citation(data: Any, opened: Any, stop: Any) -> Any:
    """Whether what stands in brackets is a number, or one of CITATIONS."""
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
    while ord("0") <= data[opened] <= ord("9"):
        opened += 1
    return opened == stop - 1
