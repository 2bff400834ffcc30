"""Everything that the filters count in a text, in one pass over the Arrow buffers of a column."""

from typing import Any

import numpy as np
import polars as pl

from tasks.clean.measures import c4_lines, line_scanner, lines, ngrams
from tasks.clean.measures.c4_lines import count_bad, next_suspect
from tasks.clean.measures.characters import STEP, bytes_of, character_table
from tasks.clean.measures.hash_table import emptied, roomy
from tasks.clean.measures.line_scanner import CHARACTERS, LENGTH, LINE, SPACES, STOPS, TAIL, UNSPACED, WORDS, read_line
from tasks.clean.measures.lines import AGAIN, BREAKS, PARAGRAPHS, TWICE, count_line, count_twice
from tasks.clean.measures.ngrams import ngram_characters, powers_of, repeated_characters
from tasks.clean.measures.tokens import longest_of
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

REPEATED = ("num_repeated_characters", "num_character_ngrams")
MEASURES = (*line_scanner.COUNTS, *lines.COUNTS, *c4_lines.COUNTS, *ngrams.COUNTS, *REPEATED)
FIRST_LINE = len(line_scanner.COUNTS)
FIRST_BAD = FIRST_LINE + len(lines.COUNTS)
FIRST_NGRAM = FIRST_BAD + len(c4_lines.COUNTS)
FIRST_REPEATED = FIRST_NGRAM + len(ngrams.COUNTS)
LARGEST_POWER = ngrams.CHARACTERS


def measured(texts: pl.Series) -> pl.DataFrame:
    """One int64 column for each of MEASURES, in the order of the texts."""
    data, offsets = bytes_of(texts)
    counts = np.zeros((len(texts), len(MEASURES)), np.int64)
    measure(data, offsets, character_table(), powers_of(STEP, LARGEST_POWER), counts)
    columns = np.ascontiguousarray(counts.T)
    return pl.DataFrame(dict(zip(MEASURES, columns, strict=True)))


@jit
def measure(data: Any, offsets: Any, table: Any, powers: Any, out: Any) -> None:
    """Fill a row of `out` for each text."""
    longest = longest_of(offsets)
    hashes, lengths = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    before = np.zeros(longest + 1, np.int64)
    work = np.empty(longest, np.int32), np.empty(longest, np.int32), np.empty(longest + 1, np.int32)
    line = np.zeros(LINE, np.int64)
    seen, since = np.zeros(1 << 12, np.uint64), np.int64(1)
    for row in range(offsets.size - 1):
        start, end, counts = offsets[row], offsets[row + 1], out[row]
        counts[FIRST_LINE + BREAKS] = line_breaks(data[start:end])
        seen, since = roomy(seen, since, 2 * counts[FIRST_LINE + BREAKS] + 2, 1)
        measure_lines(data, start, end, table, counts, (hashes, lengths, line), seen, since)
        since += 2 * counts[FIRST_LINE + BREAKS] + 2
        number = counts[WORDS]
        for word in range(number):
            before[word + 1] = before[word] + lengths[word]
        seen, since = roomy(seen, since, number, ngrams.LARGEST)
        since = ngram_characters(hashes, before, number, seen, since, work, counts[FIRST_NGRAM:])
        counts[STOPS] = ones(counts[STOPS])
        if 2 * counts[UNSPACED] > number:
            seen, since = roomy(seen, since, counts[CHARACTERS], 1)
            mask = emptied(counts[CHARACTERS])
            found = repeated_characters(data[start:end], table, seen, mask, since, work[-1], powers)
            since += counts[CHARACTERS] + 1
            counts[FIRST_REPEATED], counts[FIRST_REPEATED + 1] = found


@jit
def measure_lines(data: Any, begin: Any, end: Any, table: Any, counts: Any, work: Any, seen: Any, since: Any) -> None:
    """Read the lines of one text; lines and paragraphs share a round of the hash table."""
    hashes, lengths, line = work
    of_lines, of_bad = counts[FIRST_LINE:], counts[FIRST_BAD:]
    mask = emptied(2 * of_lines[BREAKS] + 2)
    paragraph, length, place, suspect = np.uint64(0), 0, 0, 0
    while begin <= end:
        words = counts[WORDS]
        stop = read_line(data, begin, end, table, counts, hashes, lengths, line)
        is_blank = line[TAIL] == begin
        if not is_blank:
            hashed = count_line(data, begin, table, line, of_lines)
            count_twice(seen, mask, since, hashed, place, line[LENGTH], of_lines, TWICE)
            if suspect < begin + 3:
                suspect = next_suspect(data, begin, end)
            count_bad(data, begin, table, line, counts[WORDS] - words, suspect <= line[TAIL], of_bad)
            paragraph = mix_bits(paragraph ^ hashed)
            length += line[LENGTH]
            place += 1
        if length and (is_blank or stop >= end):
            of_lines[PARAGRAPHS] += 1
            count_twice(seen, mask, since, paragraph, place, length, of_lines, AGAIN)
            paragraph, length = np.uint64(0), 0
            place += 1
        begin = stop + 1
    counts[CHARACTERS] += of_lines[BREAKS]
    counts[SPACES] += of_lines[BREAKS]


@jit
def line_breaks(text: Any) -> Any:
    """How many line breaks a text has."""
    count = 0
    for byte in text:
        count += byte == ord("\n")
    return count


@jit
def ones(bits: Any) -> Any:
    """How many bits are set."""
    count = 0
    while bits:
        count += bits & 1
        bits >>= 1
    return count
