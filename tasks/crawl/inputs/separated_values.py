"""Rows of values separated by commas or tabs, where one bad row costs no other."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any, BinaryIO, NamedTuple

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.rows import BROKEN_FILE, BROKEN_ROW, EMPTY, TOO_LARGE, Columns, fail_or_count
from tasks.crawl.inputs.slices import MAX_LINE_FACTOR, read_limited_lines

# A carriage return alone, as Mac OS 9 wrote it, ends a line too.
LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# Characters that are read again behind rows whose quote is not closed. What such rows swallow beyond that is lost.
MAX_REREAD = 1 << 28
LINE_TOO_LONG = "a line is too long"


class BadRecord(NamedTuple):
    """A place that is no row, and the line of the file, from 1, that it begins in."""

    problem: str
    line_number: int
    first_line: str
    num_lost_lines: int


class RecordLines:
    """The lines of a file for csv.reader, which can go back behind the first line of a bad row."""

    def __init__(self, stream: BinaryIO, max_bytes: int) -> None:
        lines = (line for line, _ in read_limited_lines(stream, max_bytes))
        self.lines = chain.from_iterable(map(split_line, lines))
        self.pending: deque[str] = deque()
        self.record: list[str] = []  # lines since the last call of `begin_record`
        self.num_lines = self.size = self.num_reread = 0
        self.max_size = MAX_LINE_FACTOR * max_bytes + (1 << 20)
        self.is_reread = False  # the row begins in lines that a bad row had swallowed

    def __iter__(self) -> "RecordLines":
        return self

    def __next__(self) -> str:
        """Return the next line. Raises csv.Error when it is too long, or the row gets too long."""
        line = self.pending.popleft() if self.pending else next(self.lines)
        self.num_lines += 1
        if line is None:
            raise csv.Error(LINE_TOO_LONG)
        self.record.append(line)
        self.size += len(line)
        if self.size > self.max_size:
            raise csv.Error("it is too long, perhaps since a quote is not closed")
        return line

    def begin_record(self) -> None:
        self.record, self.size, self.is_reread = [], 0, bool(self.pending)

    def go_back(self) -> int:
        """Go back behind the first line of the row; return the number of lines that are lost, that one included."""
        rest = self.record[1:]
        self.num_reread += sum(map(len, rest))
        if self.num_reread > MAX_REREAD:
            return len(self.record)
        self.pending.extendleft(reversed(rest))
        self.num_lines -= len(rest)
        return 1


def split_line(line: bytes | None) -> list[str | None]:
    """Decode a line and split it where carriage returns end lines; None for one that is too long."""
    if line is None:
        return [None]
    text = line.decode("utf-8", "replace")
    return list(LINES.findall(text)) if "\r" in text else [text]


def read_records(lines: RecordLines, delimiter: str) -> Iterator[list[str] | BadRecord]:
    """Yield the fields of each row, or what is wrong with it; after that reading goes on behind its first line."""
    while True:
        # a new one after each error: it would go on within the row that it failed in
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            while True:
                lines.begin_record()
                line_number = lines.num_lines + 1
                fields = next(reader, None)
                if fields is None:
                    return
                yield fields
        except csv.Error as error:
            first_line = lines.record[0] if lines.record else ""
            yield BadRecord(str(error), line_number, first_line, lines.go_back())


def read_separated_rows(
    stream: BinaryIO, source: str, delimiter: str, columns: Columns, tally: Tally
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield rows of separated values in UTF-8 with their numbers, from 0.

    The first line names the columns; quoted fields may hold line breaks (RFC 4180). Blank lines are no rows. A line of
    tab-separated values that is wrong as quoted is read without quotes, which that format need not have.
    """
    lines = RecordLines(stream, columns.max_bytes)
    # the module's default of 128 KiB would refuse longer texts
    csv.field_size_limit(lines.max_size)
    names: list[str] = []
    number = -1
    for record in read_records(lines, delimiter):
        fields = split_unquoted(record, names) if isinstance(record, BadRecord) and delimiter == "\t" else record
        if isinstance(fields, list) and not names:
            names = fields
            if repeated := find_repeated(names, columns):
                message = f"{source} has two columns {repeated!r}"
                fail_or_count(columns, tally, message, "Rename one of them", BROKEN_FILE)
                return
        elif isinstance(fields, BadRecord) and fields.problem == LINE_TOO_LONG:
            number += 1
            tally.count_skipped(TOO_LARGE)
        elif isinstance(fields, BadRecord):
            number += 1
            message = f"{source} line {fields.line_number} is no row: {fields.problem}"
            fail_or_count(columns, tally, message, "Correct it")
            tally.count_skipped(BROKEN_ROW, fields.num_lost_lines - 1)
        elif fields:
            number += 1
            if problem := find_misfit(fields, names, is_reread=lines.is_reread):
                message = f"{source} row {number + 1} has {problem}"
                fail_or_count(columns, tally, message, "Quote the fields that hold a separator")
            else:
                yield number, dict(zip_longest(names, fields[: len(names)]))
    if number < 0:
        tally.count_skipped(EMPTY)


def split_unquoted(record: BadRecord, names: list[str]) -> list[str] | BadRecord:
    """Return the fields of a line without regard to quotes, if they are as many as the columns."""
    fields = record.first_line.rstrip("\r\n").split("\t")
    return fields if len(fields) == len(names) > 1 and record.num_lost_lines == 1 else record


def find_misfit(fields: list[str], names: list[str], *, is_reread: bool) -> str:
    """Return why fields do not fit the columns; empty when they do. Empty ones may be missing, or be too many.

    Lines that a row with an open quote had swallowed may be the middle of a text: they have to fit exactly.
    """
    # an unquoted separator in a text, which would be cut off there
    if any(fields[len(names) :]):
        return "more fields than columns"
    return "fewer fields than columns" if is_reread and (len(fields) != len(names) or len(names) == 1) else ""


def find_repeated(names: list[str], columns: Columns) -> str:
    """Return a column that is mapped and stands in a table twice, so that it cannot be told which one is meant."""
    return next((name for name in columns.select(names) if names.count(name) > 1), "")
