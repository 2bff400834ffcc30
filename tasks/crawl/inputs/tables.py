"""Rows out of files: JSON lines, Parquet, and values separated by commas or tabs."""

import csv
import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.rows import BROKEN_FILE, TOO_LARGE, Columns, fail_or_count
from tasks.crawl.inputs.slices import MAX_LINE_FACTOR, FileSlice, read_limited_lines

NumberedRows = Iterator[tuple[int, dict[str, Any]]]
BATCH_ROWS = 64  # rows of a Parquet file in memory


def read_json_rows(stream: BinaryIO, where: str, part: FileSlice, columns: Columns, tally: Tally) -> NumberedRows:
    """JSON objects with the number of their line."""
    if part.start:
        stream.seek(part.start)
    lines = islice(read_limited_lines(stream, columns.most_bytes), part.rows)
    for number, (line, _) in enumerate(lines, start=part.first):
        if line is None:
            tally.skip(TOO_LARGE)
        elif line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                fail_or_count(columns, tally, f"{where} line {number + 1} is not JSON ({error})", "Correct the line")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                mend = 'Write it as {"text": …}'
                fail_or_count(columns, tally, f"{where} line {number + 1} is not a JSON object", mend)


def read_parquet_rows(stream: BinaryIO, where: str, part: FileSlice, columns: Columns, tally: Tally) -> NumberedRows:
    """Rows of some row groups, only the columns that are mapped."""
    number = part.first
    try:
        with pq.ParquetFile(stream) as table:
            asked = columns.asked(table.schema_arrow.names)
            groups = list(range(part.start, part.stop or 0))
            for batch in table.iter_batches(BATCH_ROWS, row_groups=groups, columns=asked):
                for row in batch.to_pylist():
                    yield number, row
                    number += 1
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        fail_or_count(columns, tally, f"{where} breaks after row {number} ({error})", "Write it again", BROKEN_FILE)


def read_separated_rows(stream: BinaryIO, where: str, delimiter: str, columns: Columns, tally: Tally) -> NumberedRows:
    """Rows of separated values; the first line names the columns, quoted fields may hold line breaks (RFC 4180)."""
    csv.field_size_limit(MAX_LINE_FACTOR * columns.most_bytes + (1 << 20))
    with io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="") as text:
        rows = csv.DictReader(text, delimiter=delimiter, strict=True)
        try:
            for number, row in enumerate(rows):
                if None in row:  # a separator in a text that is not quoted: the text would be cut off there
                    what = f"{where} row {number + 1} has more fields than columns"
                    fail_or_count(columns, tally, what, "Quote the fields that hold a separator")
                else:
                    yield number, row
        except csv.Error as error:
            fail_or_count(
                columns, tally, f"{where} breaks in line {rows.line_num} ({error})", "Write it again", BROKEN_FILE
            )
