"""Reading a text line by line: every character is looked at once, and all that is counted comes from here.

A word is what stands between white space; in scripts without spaces each code point is one (`characters.ALONE`). A
sentence ends where white space follows a mark that ends sentences and any closing marks, where the line ends, and
after the full-width marks of East Asian scripts.
"""

from typing import Any

import numpy as np

from tasks.clean.characters import (
    ALONE,
    BREAK,
    FLAGS,
    HAN,
    KEY,
    LETTER,
    PLAIN,
    POINT,
    PUNCTUATION,
    SPACE,
    STEP,
    TERMINAL,
    WORD,
    decode,
)  # fmt: skip
from tasks.compiled import compiled, inlined

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

# What is known of a line after reading it. HASH is of its words, whatever spaces stand between them.
LINE = 12
HASH, LENGTH, LONGEST, SENTENCES, TAIL, CURLY, SUSPECT, ENDED, WIDE, CLOSED, BLANK, DOTS = range(LINE)

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# their letters packed into integers, each in a place of its own: found by trying odd multipliers
STOP_STEP, STOP_BITS = 0x1027C4D1C386BBC5, 4
STOP_TABLE = np.zeros(1 << STOP_BITS, np.uint64)
for _word in STOP_WORDS:
    _packed = int.from_bytes(_word.encode(), "big")
    STOP_TABLE[_packed * STOP_STEP % 2**64 >> 64 - STOP_BITS] = _packed
LONGEST_STOP = 1 << 32  # a run of letters below this has four at most
SUSPECTS = np.array([int.from_bytes(letters, "big") for letters in (b"\0jav", b"priv", b"cook", b"term", b"orem")])


@compiled
def read_line(data: Any, place: Any, end: Any, table: Any, counts: Any, hashes: Any, lengths: Any, line: Any) -> Any:
    """Read one line into `line`, add to `counts`, put down the hash and length of its words; returns where it ends."""
    start, number = place, counts[WORDS]
    line[:] = 0
    line[TAIL] = line[CLOSED] = line[BLANK] = place
    line[ENDED] = line[WIDE] = line[DOTS] = -1
    hashed, run, inside, length = np.uint64(0), np.uint64(0), np.uint32(0), 0
    while place < end:
        entry = table[data[place]]
        if entry & np.uint32(PLAIN << FLAGS):
            hashed = (hashed ^ np.uint64(data[place])) * np.uint64(STEP)
            run = run << np.uint64(8) | np.uint64(entry & np.uint32(0xFF))
            inside |= entry
            length += 1
            place += 1
            continue
        if data[place] == ord(" "):  # what most words end with
            run = run_on(run, entry, counts, line)
            number = close(counts, hashes, lengths, line, number, hashed, length, inside)
            hashed, inside, length = np.uint64(0), np.uint32(0), 0
            space(counts, line, place, place + 1)
            place += 1
            continue
        code, after = decode(data, place, end)
        if code == ord("\n"):
            break
        entry = table[code] if code < table.size else code
        flags = entry >> np.uint32(FLAGS)
        run = run_on(run, entry, counts, line)
        if flags & np.uint32(SPACE | ALONE | BREAK):
            number = close(counts, hashes, lengths, line, number, hashed, length, inside)
            hashed, inside, length = np.uint64(0), np.uint32(0), 0
            number = stand_alone(counts, hashes, lengths, line, number, entry)
        else:
            hashed = (hashed ^ np.uint64(code)) * np.uint64(STEP)
            inside |= entry
            length += 1
        mark(counts, line, code, flags, place, after)
        place = after
    run_on(run, np.uint32(0), counts, line)
    counts[WORDS] = close(counts, hashes, lengths, line, number, hashed, length, inside)
    line[TAIL] = place if place > line[BLANK] else line[TAIL]
    line[SENTENCES] += 1 if line[CLOSED] < line[TAIL] else 0
    line[LENGTH] += place - start
    counts[CHARACTERS] += line[LENGTH]
    return place


@inlined
def run_on(run: Any, entry: Any, counts: Any, line: Any) -> Any:
    """The last eight letters of the run that goes on with this character; when it ends, it may be a stop word."""
    if entry & np.uint32(WORD << FLAGS):
        point = entry & np.uint32(POINT)
        run = run << np.uint64(8) | np.uint64(point if point < 0x80 else 0xFF)
        if entry & np.uint32(KEY << FLAGS):
            last = np.int64(run & np.uint64(0xFFFFFFFF))
            for letters in SUSPECTS:
                if last == letters or (letters < 1 << 24 and last & 0xFFFFFF == letters):
                    line[SUSPECT] = 1
        return run
    if np.uint64(0) < run < np.uint64(LONGEST_STOP):
        place = np.int64(run * np.uint64(STOP_STEP) >> np.uint64(64 - STOP_BITS))
        counts[STOPS] |= 1 << place if STOP_TABLE[place] == run else 0
    return np.uint64(0)


@inlined
def close(counts: Any, hashes: Any, lengths: Any, line: Any, number: Any, hashed: Any, length: Any, inside: Any) -> Any:
    """Put down a word between spaces, if there is one; returns the next one's number."""
    if not length:
        return number
    hashes[number], lengths[number] = hashed, length
    line[HASH] = np.int64((np.uint64(line[HASH]) ^ hashed) * np.uint64(STEP))
    line[LONGEST] = max(line[LONGEST], length)
    counts[ALPHABETIC] += 1 if inside & np.uint32(LETTER << FLAGS) else 0
    if inside & np.uint32(WORD << FLAGS):
        counts[SPACED] += length
    else:
        counts[SYMBOLS] += 1
    return number + 1


@inlined
def stand_alone(counts: Any, hashes: Any, lengths: Any, line: Any, number: Any, entry: Any) -> Any:
    """Put down a word of one code point, if this is one; returns the next one's number."""
    if entry & np.uint32(SPACE << FLAGS):
        return number
    hashed = np.uint64(entry & np.uint32(POINT)) * np.uint64(STEP)
    line[HASH] = np.int64((np.uint64(line[HASH]) ^ hashed) * np.uint64(STEP))
    if not entry & np.uint32(ALONE << FLAGS):
        return number
    hashes[number], lengths[number] = hashed, 1
    counts[UNSPACED] += 1
    counts[ALPHABETIC] += 1
    return number + 1


@inlined
def mark(counts: Any, line: Any, code: Any, flags: Any, place: Any, after: Any) -> None:
    """Count a character that is more than plain, and see where sentences end."""
    line[LENGTH] -= after - place - 1
    counts[HANS] += 1 if flags & np.uint32(HAN) else 0
    if flags & np.uint32(SPACE):
        space(counts, line, place, after)
    elif flags & np.uint32(PUNCTUATION):
        counts[MARKS] += 1
        counts[HASHES] += 1 if code == ord("#") else 0
        line[CURLY] |= 1 if code == ord("{") else 0
        dots(counts, line, code, place, after)
        sentence(line, flags, place, after)


@inlined
def space(counts: Any, line: Any, place: Any, after: Any) -> None:
    """White space ends what may have been a sentence."""
    counts[SPACES] += 1
    if line[BLANK] != place:
        line[TAIL] = place
    if line[ENDED] == place:
        line[SENTENCES] += 1
        line[CLOSED] = place
    line[BLANK] = after


@inlined
def dots(counts: Any, line: Any, code: Any, place: Any, after: Any) -> None:
    """Count ellipses: the character, and every three full stops. DOTS holds where they end and how many they are."""
    if code == ord("…"):
        counts[ELLIPSES] += 1
    elif code == ord("."):
        before = line[DOTS] & 3 if line[DOTS] >> 2 == place else 0
        counts[ELLIPSES] += 1 if before == 2 else 0
        line[DOTS] = after << 2 | (before + 1) % 3


@inlined
def sentence(line: Any, flags: Any, place: Any, after: Any) -> None:
    """A mark may end a sentence, or stand after one that did."""
    if flags & np.uint32(TERMINAL) and flags & np.uint32(BREAK):
        line[SENTENCES] += 1 if line[WIDE] != place else 0
        line[WIDE] = line[CLOSED] = after
    elif flags & np.uint32(TERMINAL) or line[ENDED] == place:
        line[ENDED] = after
    elif line[WIDE] == place:
        line[WIDE] = line[CLOSED] = after
