"""Reading a text line by line, looking at every character once: the counts of characters, words and sentences.

A word is the text between white space; in scripts without spaces each code point is a word
(`characters.WORD_ALONE`). A sentence ends where white space follows a mark that ends sentences and any closing marks,
at the end of the line, and after the full-width marks of East Asian scripts.
"""

import numpy as np

from tasks.clean.kernel_types import (
    Bytes,
    CharacterEntry,
    CharacterTable,
    Counts,
    Hash,
    Hashes,
    Index,
    Lengths,
    LineFields,
)
from tasks.clean.measures.characters import (  # fmt: skip
    BREAK,
    CLOSING,
    FLAG_SHIFT,
    HAN,
    HASH_STEP,
    LETTER,
    MARK,
    POINT_MASK,
    PUNCTUATION,
    SPACE,
    TERMINAL,
    WORD,
    WORD_ALONE,
)
from tasks.runtime.jit import jit_inline
from tasks.runtime.text_kernels import decode_character

# The counts of a text, which filters read as columns, and below their positions in the same order.
COUNT_NAMES = (
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
CHARACTERS, WORDS, SYMBOLS, ALPHABETIC, UNSPACED, SPACED_CHARACTERS, SPACES, MARKS, HANS, HASHES, ELLIPSES, STOPS = (
    range(12)
)

# The fields of a line that was read. HASH is of its words, whatever the spaces between them. TAIL is the end of its
# last word, CLOSED that of its last sentence. ENDED is the end of the last mark that ends a sentence if white space
# follows, WIDE that of the last full-width mark, which ends one anywhere; both are -1 for none.
NUM_LINE_FIELDS = 9
HASH, LENGTH, LONGEST, SENTENCES, TAIL, CURLY, CLOSED, ENDED, WIDE = range(NUM_LINE_FIELDS)

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# A perfect hash of the stop words: their letters as an integer, times an odd multiplier that was found by trying, gives
# each a slot of its own.
STOP_STEP, STOP_BITS = 0x1027C4D1C386BBC5, 4
# A free slot holds 0x80, which no letters give, and neither does a run of none (0).
STOP_TABLE = np.full(1 << STOP_BITS, 0x80, np.uint64)
for _word in STOP_WORDS:
    _packed = int.from_bytes(_word.encode(), "big")
    STOP_TABLE[_packed * STOP_STEP % 2**64 >> 64 - STOP_BITS] = _packed


# One long function, so that its counts stay in registers: as functions that add to arrays it takes a tenth longer.
@jit_inline
def read_line(  # noqa: C901, PLR0912, PLR0915 - see above
    data: Bytes,
    position: Index,
    end: Index,
    table: CharacterTable,
    counts: Counts,
    hashes: Hashes,
    lengths: Lengths,
    line: LineFields,
) -> Index:
    """Read the line from `position` on into `line`; return where it ends.

    Adds to `counts`, and appends the hashes and lengths of its words after the counts[WORDS] words of earlier lines.
    """
    start, num_words, word_start = position, counts[WORDS], position
    # of the word: its hash, its letters as an integer (for stop words), the flags of its characters
    word_hash, run, word_flags = np.uint64(0), np.uint64(0), np.uint32(0)
    line_hash, longest, tail, alphabetic, spaced, spaces, extra, stops = np.uint64(0), 0, position, 0, 0, 0, 0, 0
    line[:] = 0
    line[CLOSED] = position
    line[ENDED] = line[WIDE] = -1
    # `extra` counts the bytes of the line beyond one for each character, `extra_before` those before the current word
    extra_before = 0
    while True:
        if position < end:
            byte = data[np.uint64(position)]  # unsigned: an index that could be below 0 costs a comparison
            # read before the test, and of use below 0x80 only, where a byte is the code point
            entry = table[byte]
            if byte < 0x80 and not entry & np.uint32(SPACE << FLAG_SHIFT):  # ASCII, most characters of most texts
                word_hash = (word_hash ^ np.uint64(byte)) * np.uint64(HASH_STEP)
                # of more than eight letters the last eight are left: no stop word, as those have four at most
                run = run << np.uint64(8) | np.uint64(entry & np.uint32(0xFF))
                word_flags |= entry
                position += 1
                continue
            code, after = decode_character(data, position, end)
            # above the table a code point is its own lower case, and as it is below 2^21 it has no flag
            entry = table[code] if code < table.size else code
            if not entry & np.uint32((SPACE | WORD_ALONE | BREAK) << FLAG_SHIFT):
                word_hash = (word_hash ^ np.uint64(code)) * np.uint64(HASH_STEP)
                # a byte that is in no stop word
                run = run << np.uint64(8) | np.uint64(0xFF)
                word_flags |= entry
                extra += after - position - 1
                position = after
                continue
        else:
            # the end of the text ends a line as a line feed does
            code, after, entry = np.uint32(ord("\n")), position, np.uint32(SPACE << FLAG_SHIFT)
        if position > word_start:
            # bytes less the continuation bytes: characters
            length = position - word_start - (extra - extra_before)
            hashes[num_words], lengths[num_words] = word_hash, length
            num_words += 1
            line_hash = (line_hash ^ word_hash) * np.uint64(HASH_STEP)
            longest, tail = max(longest, length), position
            alphabetic += 1 if word_flags & np.uint32(LETTER << FLAG_SHIFT) else 0
            if word_flags & np.uint32(WORD << FLAG_SHIFT):
                spaced += length
            else:
                counts[SYMBOLS] += 1
            # a stop word may stand between marks, as in `(the`: `read_marks` looks at the parts
            if word_flags & np.uint32(MARK << FLAG_SHIFT):
                read_marks(data, word_start, position, table, counts, line)
            else:
                stops |= find_stop_word(run)
            word_hash, run, word_flags, extra_before = np.uint64(0), np.uint64(0), np.uint32(0), extra
        if code == ord("\n"):
            break
        if entry & np.uint32(SPACE << FLAG_SHIFT):
            spaces += 1
            # the mark before this space ended a sentence
            if line[ENDED] == position:
                line[SENTENCES] += 1
                line[CLOSED] = position
        else:
            alone = np.uint64(entry & np.uint32(POINT_MASK)) * np.uint64(HASH_STEP)
            line_hash, tail = (line_hash ^ alone) * np.uint64(HASH_STEP), after
            if entry & np.uint32(WORD_ALONE << FLAG_SHIFT):
                hashes[num_words], lengths[num_words] = alone, 1
                num_words += 1
                counts[UNSPACED] += 1
                counts[HANS] += 1 if entry & np.uint32(HAN << FLAG_SHIFT) else 0
                alphabetic += 1
            elif entry & np.uint32(PUNCTUATION << FLAG_SHIFT):
                counts[MARKS] += 1
                read_wide_mark(line, entry, position, after)
        extra += after - position - 1
        word_start = position = after
        extra_before = extra
    # the array is int64: the bits of the hash stay, and its sign means nothing
    line[HASH], line[LONGEST], line[TAIL] = np.int64(line_hash), longest, tail
    # what follows the last mark is a sentence without one
    line[SENTENCES] += 1 if line[CLOSED] < tail else 0
    line[LENGTH] = position - start - extra
    counts[CHARACTERS] += line[LENGTH]
    counts[WORDS] = num_words
    counts[ALPHABETIC] += alphabetic
    counts[SPACED_CHARACTERS] += spaced
    counts[STOPS] |= stops
    counts[SPACES] += spaces
    return position


@jit_inline
def find_stop_word(run: Hash) -> Index:
    """Return the bit of the stop word whose letters are `run`, or 0 when it is none."""
    slot = np.int64(run * np.uint64(STOP_STEP) >> np.uint64(64 - STOP_BITS))
    # a bit for each slot, so a word that comes twice counts once
    return np.int64(STOP_TABLE[slot] == run) << slot


@jit_inline
def read_marks(
    data: Bytes, position: Index, end: Index, table: CharacterTable, counts: Counts, line: LineFields
) -> None:
    """Count the marks of the word data[position:end], find whether a sentence ends with it, and stop words in it."""
    run, dots, marks = np.uint64(0), 0, 0
    ended, wide = line[ENDED] == position, line[WIDE] == position
    while position < end:
        code, position = decode_character(data, position, end)
        entry = table[code] if code < table.size else code
        if entry & np.uint32(WORD << FLAG_SHIFT):
            run = run << np.uint64(8) | np.uint64(min(entry & np.uint32(POINT_MASK), np.uint32(0xFF)))
            # a mark inside a word ends nothing: example.org, 3.14
            ended = wide = False
            dots = 0
            marks += 1 if entry & np.uint32(PUNCTUATION << FLAG_SHIFT) else 0
            continue
        counts[STOPS] |= find_stop_word(run)
        run = np.uint64(0)
        marks += 1 if entry & np.uint32(PUNCTUATION << FLAG_SHIFT) else 0
        dots = dots + 1 if code == ord(".") else 0
        counts[ELLIPSES] += 1 if code == ord("…") or dots == 3 else 0
        # six dots are two ellipses
        dots = 0 if dots == 3 else dots
        counts[HASHES] += 1 if code == ord("#") else 0
        line[CURLY] |= 1 if code == ord("{") else 0
        closing = entry & np.uint32(CLOSING << FLAG_SHIFT) != 0
        ended = entry & np.uint32(TERMINAL << FLAG_SHIFT) != 0 or (ended and closing)
        # a closing mark right after a full-width mark still belongs to its sentence
        wide = wide and closing
        if wide:
            line[WIDE] = line[CLOSED] = position
    counts[STOPS] |= find_stop_word(run)
    counts[MARKS] += marks
    if ended:
        line[ENDED] = end


@jit_inline
def read_wide_mark(line: LineFields, entry: CharacterEntry, position: Index, after: Index) -> None:
    """Count the sentence that a full-width mark at `position` ends, or extend one by a closing mark after its end."""
    if entry & np.uint32(TERMINAL << FLAG_SHIFT):
        line[SENTENCES] += 1 if line[WIDE] != position else 0
        line[WIDE] = line[CLOSED] = after
    elif entry & np.uint32(CLOSING << FLAG_SHIFT):
        if line[ENDED] == position:
            line[ENDED] = after
        elif line[WIDE] == position:
            line[WIDE] = line[CLOSED] = after
