"""Read rows out of files: JSON lines, Parquet, and values separated by commas or tabs."""

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
BATCH_ROWS = 64  # of a Parquet file in memory


def read_json_rows(
    stream: BinaryIO, source: str, file_slice: FileSlice, columns: Columns, tally: Tally
) -> NumberedRows:
    """Yield JSON objects with the number of their line, from 0. `source` names the file in errors."""
    # only then: a packed stream cannot seek, and its slice begins at 0
    if file_slice.start:
        stream.seek(file_slice.start)
    lines = islice(read_limited_lines(stream, columns.max_bytes), file_slice.rows)
    for number, (line, _) in enumerate(lines, start=file_slice.first_row):
        if line is None:
            tally.count_skipped(TOO_LARGE)
        elif line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                message = f"{source} line {number + 1} is not JSON ({error})"
                fail_or_count(columns, tally, message, "Correct the line")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                message = f"{source} line {number + 1} is not a JSON object"
                fail_or_count(columns, tally, message, 'Write it as {"text": …}')


def read_parquet_rows(
    stream: BinaryIO, source: str, file_slice: FileSlice, columns: Columns, tally: Tally
) -> NumberedRows:
    """Yield the rows of a slice's row groups with their numbers, and only the mapped columns."""
    number = file_slice.first_row
    try:
        with pq.ParquetFile(stream) as table:
            names = columns.select(table.schema_arrow.names)
            groups = list(range(file_slice.start, file_slice.stop or 0))
            for batch in table.iter_batches(BATCH_ROWS, row_groups=groups, columns=names):
                for row in batch.to_pylist():
                    yield number, row
                    number += 1
    # Parquet does not check that text is UTF-8: to_pylist() meets the bytes that are not
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        message = f"{source} breaks after row {number} ({error})"
        fail_or_count(columns, tally, message, "Write it again", BROKEN_FILE)


def read_separated_rows(stream: BinaryIO, source: str, delimiter: str, columns: Columns, tally: Tally) -> NumberedRows:
    """Yield rows of separated values with their numbers.

    The first line names the columns; quoted fields may hold line breaks (RFC 4180).
    """
    # the module's default of 128 KiB would refuse longer texts
    csv.field_size_limit(MAX_LINE_FACTOR * columns.max_bytes + (1 << 20))
    # newline="": the csv module has to see line ends itself, since those within quotes belong to a field
    with io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="") as text:
        rows = csv.DictReader(text, delimiter=delimiter, strict=True)
        try:
            for number, row in enumerate(rows):
                if None in row:  # an unquoted separator in a text, which would be cut off there
                    message = f"{source} row {number + 1} has more fields than columns"
                    fail_or_count(columns, tally, message, "Quote the fields that hold a separator")
                else:
                    yield number, row
        except csv.Error as error:
            message = f"{source} breaks in line {rows.line_num} ({error})"
            fail_or_count(columns, tally, message, "Write it again", BROKEN_FILE)
