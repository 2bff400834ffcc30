"""Reading a text line by line: every character is looked at once, and all that is counted comes from here.

A word is what stands between white space; in scripts without spaces each code point is one (`characters.ALONE`). A
sentence ends where white space follows a mark that ends sentences and any closing marks, where the line ends, and
after the full-width marks of East Asian scripts.
"""

from typing import Any

import numpy as np

from tasks.clean.measures.characters import (  # fmt: skip
    ALONE,
    BREAK,
    CLOSING,
    FLAGS,
    HAN,
    LETTER,
    MARK,
    POINT,
    PUNCTUATION,
    SPACE,
    STEP,
    TERMINAL,
    WORD,
)
from tasks.runtime.jit import jit_inline
from tasks.runtime.text_kernels import decode_character

# What is counted in a text, in this order.
COUNTS = (
    "num_characters",
    "num_words",
    "num_symbols",  # words without a letter or digit
    "num_alphabetic",  # words with a letter
    "num_unspaced",  # words of one code point, of scripts without spaces
    "num_spaced_characters",  # in the other words that are no symbols
    "num_spaces",
    "num_punctuation",
    "num_han",
    "num_hashes",
    "num_ellipses",
    "num_stop_words",  # different ones; while reading, a bit for each
)
CHARACTERS, WORDS, SYMBOLS, ALPHABETIC, UNSPACED, SPACED, SPACES, MARKS, HANS, HASHES, ELLIPSES, STOPS = range(12)

# What is known of a line after reading it. HASH is of its words, whatever spaces stand between them; TAIL is where its
# last word ends, CLOSED its last sentence, ENDED and WIDE the last mark that ends one before white space or anywhere.
LINE = 9
HASH, LENGTH, LONGEST, SENTENCES, TAIL, CURLY, CLOSED, ENDED, WIDE = range(LINE)

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# their letters packed into integers, each in a place of its own: found by trying odd multipliers
STOP_STEP, STOP_BITS = 0x1027C4D1C386BBC5, 4
STOP_TABLE = np.full(1 << STOP_BITS, 0x80, np.uint64)  # 0x80 is no letter
for _word in STOP_WORDS:
    _packed = int.from_bytes(_word.encode(), "big")
    STOP_TABLE[_packed * STOP_STEP % 2**64 >> 64 - STOP_BITS] = _packed


# In one piece, so that what it counts stays in registers: in parts that add to arrays it takes a tenth longer.
@jit_inline
def read_line(  # noqa: C901, PLR0912, PLR0915 - see above
    data: Any, place: Any, end: Any, table: Any, counts: Any, hashes: Any, lengths: Any, line: Any
) -> Any:
    """Read one line into `line`, add to `counts`, put down the hash and length of its words; returns where it ends."""
    start, number, first = place, counts[WORDS], place  # `first` is where the word begins
    hashed, run, inside = np.uint64(0), np.uint64(0), np.uint32(0)
    of_line, longest, tail, alphabetic, spaced, spaces, wide, stops = np.uint64(0), 0, place, 0, 0, 0, 0, 0
    line[:] = 0
    line[CLOSED] = place
    line[ENDED] = line[WIDE] = -1
    before = 0  # bytes of this word, and then of the line, that are no characters of their own
    while True:
        if place < end:
            byte = data[np.uint64(place)]  # unsigned: a place that could be below 0 costs a comparison
            entry = table[byte]
            if byte < 0x80 and not entry & np.uint32(SPACE << FLAGS):  # most characters of most texts
                hashed = (hashed ^ np.uint64(byte)) * np.uint64(STEP)
                run = run << np.uint64(8) | np.uint64(entry & np.uint32(0xFF))
                inside |= entry
                place += 1
                continue
            code, after = decode_character(data, place, end)
            entry = table[code] if code < table.size else code
            if not entry & np.uint32((SPACE | ALONE | BREAK) << FLAGS):
                hashed = (hashed ^ np.uint64(code)) * np.uint64(STEP)
                run = run << np.uint64(8) | np.uint64(0xFF)
                inside |= entry
                wide += after - place - 1
                place = after
                continue
        else:
            code, after, entry = np.uint32(ord("\n")), place, np.uint32(SPACE << FLAGS)
        if place > first:
            length = place - first - (wide - before)
            hashes[number], lengths[number] = hashed, length
            number += 1
            of_line = (of_line ^ hashed) * np.uint64(STEP)
            longest, tail = max(longest, length), place
            alphabetic += 1 if inside & np.uint32(LETTER << FLAGS) else 0
            if inside & np.uint32(WORD << FLAGS):
                spaced += length
            else:
                counts[SYMBOLS] += 1
            if inside & np.uint32(MARK << FLAGS):
                read_marks(data, first, place, table, counts, line)
            else:
                stops |= stop_word(run)
            hashed, run, inside, before = np.uint64(0), np.uint64(0), np.uint32(0), wide
        if code == ord("\n"):
            break
        if entry & np.uint32(SPACE << FLAGS):
            spaces += 1
            if line[ENDED] == place:
                line[SENTENCES] += 1
                line[CLOSED] = place
        else:
            alone = np.uint64(entry & np.uint32(POINT)) * np.uint64(STEP)
            of_line, tail = (of_line ^ alone) * np.uint64(STEP), after
            if entry & np.uint32(ALONE << FLAGS):
                hashes[number], lengths[number] = alone, 1
                number += 1
                counts[UNSPACED] += 1
                counts[HANS] += 1 if entry & np.uint32(HAN << FLAGS) else 0
                alphabetic += 1
            elif entry & np.uint32(PUNCTUATION << FLAGS):
                counts[MARKS] += 1
                wide_mark(line, entry, place, after)
        wide += after - place - 1
        first = place = after
        before = wide
    line[HASH], line[LONGEST], line[TAIL] = np.int64(of_line), longest, tail
    line[SENTENCES] += 1 if line[CLOSED] < tail else 0
    line[LENGTH] = place - start - wide
    counts[CHARACTERS] += line[LENGTH]
    counts[WORDS] = number
    counts[ALPHABETIC] += alphabetic
    counts[SPACED] += spaced
    counts[STOPS] |= stops
    counts[SPACES] += spaces
    return place


@jit_inline
def stop_word(run: Any) -> Any:
    """The bit of the stop word that a run of letters is, or 0."""
    place = np.int64(run * np.uint64(STOP_STEP) >> np.uint64(64 - STOP_BITS))
    return np.int64(STOP_TABLE[place] == run) << place


@jit_inline
def read_marks(data: Any, place: Any, end: Any, table: Any, counts: Any, line: Any) -> None:
    """Count the marks of one word, see whether a sentence ends with it, and find stop words between them."""
    run, dots, marks = np.uint64(0), 0, 0
    ended, wide = line[ENDED] == place, line[WIDE] == place
    while place < end:
        code, place = decode_character(data, place, end)
        entry = table[code] if code < table.size else code
        if entry & np.uint32(WORD << FLAGS):
            run = run << np.uint64(8) | np.uint64(min(entry & np.uint32(POINT), np.uint32(0xFF)))
            ended = wide = False
            dots = 0
            marks += 1 if entry & np.uint32(PUNCTUATION << FLAGS) else 0
            continue
        counts[STOPS] |= stop_word(run)
        run = np.uint64(0)
        marks += 1 if entry & np.uint32(PUNCTUATION << FLAGS) else 0
        dots = dots + 1 if code == ord(".") else 0
        counts[ELLIPSES] += 1 if code == ord("…") or dots == 3 else 0
        dots = 0 if dots == 3 else dots
        counts[HASHES] += 1 if code == ord("#") else 0
        line[CURLY] |= 1 if code == ord("{") else 0
        closing = entry & np.uint32(CLOSING << FLAGS) != 0
        ended = entry & np.uint32(TERMINAL << FLAGS) != 0 or (ended and closing)
        wide = wide and closing
        if wide:
            line[WIDE] = line[CLOSED] = place
    counts[STOPS] |= stop_word(run)
    counts[MARKS] += marks
    if ended:
        line[ENDED] = end


@jit_inline
def wide_mark(line: Any, entry: Any, place: Any, after: Any) -> None:
    """A full-width mark may end a sentence, or stand after one that did."""
    if entry & np.uint32(TERMINAL << FLAGS):
        line[SENTENCES] += 1 if line[WIDE] != place else 0
        line[WIDE] = line[CLOSED] = after
    elif entry & np.uint32(CLOSING << FLAGS):
        if line[ENDED] == place:
            line[ENDED] = after
        elif line[WIDE] == place:
            line[WIDE] = line[CLOSED] = after
