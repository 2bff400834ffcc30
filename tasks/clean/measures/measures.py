"""All counts of the filters, in one pass over the Arrow buffers of a column."""

from typing import Any

import numpy as np
import polars as pl

from tasks.clean.kernel_types import Bytes, CharacterTable, Counts, Hashes, HashTable, Index, Offsets
from tasks.clean.measures import c4_lines, line_scanner, lines, ngrams
from tasks.clean.measures.c4_lines import count_c4_line, find_next_trigram
from tasks.clean.measures.characters import HASH_STEP, build_character_table, read_buffers
from tasks.clean.measures.hash_table import choose_mask, ensure_capacity
from tasks.clean.measures.line_scanner import (
    CHARACTERS,
    LENGTH,
    NUM_LINE_FIELDS,
    SPACES,
    STOPS,
    TAIL,
    UNSPACED,
    WORDS,
    read_line,
)
from tasks.clean.measures.lines import (
    BREAKS,
    DUPLICATE_LINES,
    DUPLICATE_PARAGRAPHS,
    PARAGRAPHS,
    count_duplicate,
    count_line,
)
from tasks.clean.measures.ngrams import compute_powers, count_ngram_characters, count_repeated_characters
from tasks.clean.measures.tokens import find_longest
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

REPEATED_NAMES = ("num_repeated_characters", "num_character_ngrams")
MEASURES = (*line_scanner.COUNT_NAMES, *lines.COUNT_NAMES, *c4_lines.COUNT_NAMES, *ngrams.COUNT_NAMES, *REPEATED_NAMES)
FIRST_LINE = len(line_scanner.COUNT_NAMES)
FIRST_C4 = FIRST_LINE + len(lines.COUNT_NAMES)
FIRST_NGRAM = FIRST_C4 + len(c4_lines.COUNT_NAMES)
FIRST_REPEATED = FIRST_NGRAM + len(ngrams.COUNT_NAMES)
MAX_POWER = ngrams.CHARACTER_NGRAM


def measure_texts(texts: pl.Series) -> pl.DataFrame:
    """Return a frame with an int64 column for each of MEASURES and a row for each text."""
    data, offsets = read_buffers(texts)
    counts = np.zeros((len(texts), len(MEASURES)), np.int64)
    fill_measures(data, offsets, build_character_table(), compute_powers(HASH_STEP, MAX_POWER), counts)
    columns = np.ascontiguousarray(counts.T)
    return pl.DataFrame(dict(zip(MEASURES, columns, strict=True)))


@jit
def fill_measures(data: Bytes, offsets: Offsets, table: CharacterTable, powers: Hashes, out: Any) -> None:
    """Fill a row of `out`, (texts, MEASURES), for each text."""
    longest = find_longest(offsets)
    hashes, lengths = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    cumulative = np.zeros(longest + 1, np.int64)  # characters of the words before each word
    work = np.empty(longest, np.int32), np.empty(longest, np.int32), np.empty(longest + 1, np.int32)
    line = np.zeros(NUM_LINE_FIELDS, np.int64)
    # one hash table for all texts; every use of it is a round with a higher `base`, see hash_table
    seen, base = np.zeros(1 << 12, np.uint64), np.int64(1)
    for row in range(offsets.size - 1):
        start, end, counts = offsets[row], offsets[row + 1], out[row]
        counts[FIRST_LINE + BREAKS] = count_line_breaks(data[start:end])
        # at most one line more than there are breaks, and as many paragraphs
        seen, base = ensure_capacity(seen, base, 2 * counts[FIRST_LINE + BREAKS] + 2, 1)
        measure_lines(data, start, end, table, counts, (hashes, lengths, line), seen, base)
        base += 2 * counts[FIRST_LINE + BREAKS] + 2
        num_words = counts[WORDS]
        for word in range(num_words):
            cumulative[word + 1] = cumulative[word] + lengths[word]
        seen, base = ensure_capacity(seen, base, num_words, ngrams.MAX_SIZE)
        base = count_ngram_characters(hashes, cumulative, num_words, seen, base, work, counts[FIRST_NGRAM:])
        counts[STOPS] = count_bits(counts[STOPS])
        # `work[-1]` is free again; character n-grams are numbered from 1, hence its entry more
        if 2 * counts[UNSPACED] > num_words:  # mostly a script without spaces
            seen, base = ensure_capacity(seen, base, counts[CHARACTERS], 1)
            mask = choose_mask(counts[CHARACTERS])
            repeated = count_repeated_characters(data[start:end], table, seen, mask, base, work[-1], powers)
            base += counts[CHARACTERS] + 1
            counts[FIRST_REPEATED], counts[FIRST_REPEATED + 1] = repeated


@jit
def measure_lines(
    data: Bytes,
    start: Index,
    end: Index,
    table: CharacterTable,
    counts: Counts,
    work: Any,
    seen: HashTable,
    base: Index,
) -> None:
    """Read the lines of one text, data[start:end]; lines and paragraphs share a round of the hash table."""
    hashes, lengths, line = work
    line_counts, c4_counts = counts[FIRST_LINE:], counts[FIRST_C4:]
    mask = choose_mask(2 * line_counts[BREAKS] + 2)
    # hash and length of the paragraph; `position` counts lines and paragraphs; `suspect` is the end of the next trigram
    paragraph, length, position, suspect = np.uint64(0), 0, 0, 0
    # `<=`: behind a last line feed there is an empty line, which ends the paragraph
    while start <= end:
        # counts[WORDS] grows from line to line; C4 needs the words of this one
        words_before = counts[WORDS]
        stop = read_line(data, start, end, table, counts, hashes, lengths, line)
        is_blank = line[TAIL] == start
        if not is_blank:
            line_hash = count_line(data, start, table, line, line_counts)
            count_duplicate(seen, mask, base, line_hash, position, line[LENGTH], line_counts, DUPLICATE_LINES)
            # the trigram that was found last may lie in this line or behind it: then there is nothing to search
            if suspect < start + 3:
                suspect = find_next_trigram(data, start, end)
            count_c4_line(data, start, table, line, counts[WORDS] - words_before, suspect <= line[TAIL], c4_counts)
            paragraph = mix_bits(paragraph ^ line_hash)
            length += line[LENGTH]
            position += 1
        if length and (is_blank or stop >= end):
            line_counts[PARAGRAPHS] += 1
            count_duplicate(seen, mask, base, paragraph, position, length, line_counts, DUPLICATE_PARAGRAPHS)
            paragraph, length = np.uint64(0), 0
            position += 1
        start = stop + 1
    # the line feeds, which `read_line` leaves out
    counts[CHARACTERS] += line_counts[BREAKS]
    counts[SPACES] += line_counts[BREAKS]


@jit
def count_line_breaks(text: Bytes) -> Index:
    """Return the number of line breaks in a text."""
    count = 0
    for byte in text:
        count += byte == ord("\n")
    return count


@jit
def count_bits(bits: Index) -> Index:
    """Return the number of bits that are set."""
    count = 0
    while bits:
        count += bits & 1
        bits >>= 1
    return count
