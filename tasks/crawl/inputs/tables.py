"""Read rows out of files: JSON lines and Parquet."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.rows import BROKEN_FILE, EMPTY, TOO_LARGE, Columns, fail_or_count
from tasks.crawl.inputs.separated_values import find_repeated
from tasks.crawl.inputs.slices import FileSlice, read_limited_lines

NumberedRows = Iterator[tuple[int, dict[str, Any]]]
# Parquet does not check that text is UTF-8, nor that Python knows a date or a time zone.
CONVERSION_ERRORS = (pa.ArrowException, ValueError, OverflowError, KeyError)
BATCH_ROWS = 64  # of a Parquet file in memory


def read_json_rows(
    stream: BinaryIO, source: str, file_slice: FileSlice, columns: Columns, tally: Tally
) -> NumberedRows:
    """Yield JSON objects with the number of their line, from 0. `source` names the file in errors."""
    # only then: a packed stream cannot seek, and its slice begins at 0
    if file_slice.start:
        stream.seek(file_slice.start)
    lines = islice(read_limited_lines(stream, columns.max_bytes), file_slice.rows)
    number = -1
    for number, (line, _) in enumerate(lines, start=file_slice.first_row):
        if line is None:
            tally.count_skipped(TOO_LARGE, place=f"line {number + 1}")
        elif line.strip():
            try:
                row = load_json(line)
            except (ValueError, RecursionError) as error:
                message = f"{source} line {number + 1} is not JSON ({error})"
                fail_or_count(columns, tally, message, "Correct the line")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                message = f"{source} line {number + 1} is not a JSON object"
                fail_or_count(columns, tally, message, 'Write it as {"text": …}')
    if number < 0:
        tally.count_skipped(EMPTY)


def load_json(line: bytes) -> Any:
    """Parse a line of JSON. Raises ValueError and RecursionError."""
    try:
        return json.loads(line)
    except ValueError as error:
        # Python refuses to convert integers of more than 4300 digits; none of them is a text or a date
        if "integer string conversion" not in str(error):
            raise
        return json.loads(line, parse_int=str)


def read_parquet_rows(
    stream: BinaryIO, source: str, file_slice: FileSlice, columns: Columns, tally: Tally
) -> NumberedRows:
    """Yield the rows of a slice's row groups with their numbers, and only the mapped columns."""
    number = file_slice.first_row
    try:
        with pq.ParquetFile(stream) as table:
            names = table.schema_arrow.names
            if repeated := find_repeated(names, columns):
                message = f"{source} has two columns {repeated!r}"
                fail_or_count(columns, tally, message, "Rename one of them", BROKEN_FILE)
                return
            for group in range(file_slice.start, file_slice.stop or 0):
                # each by itself: of a file that is damaged in one of them, the others can be read
                yield from read_row_group(table, group, number, columns.select(names), source, columns, tally)
                number += table.metadata.row_group(group).num_rows
    except (pa.ArrowException, OSError) as error:
        message = f"{source} cannot be read ({error})"
        fail_or_count(columns, tally, message, "Write it again", BROKEN_FILE)


def read_row_group(
    table: pq.ParquetFile,
    group: int,
    number: int,
    names: list[str],
    source: str,
    columns: Columns,
    tally: Tally,
) -> NumberedRows:
    """Yield the rows of a row group, the first of which has this number, and only the columns of these names."""
    try:
        for batch in table.iter_batches(BATCH_ROWS, row_groups=[group], columns=names):
            for row in convert_batch(batch):
                if isinstance(row, dict):
                    yield number, row
                else:
                    message = f"{source} row {number + 1} cannot be converted ({row})"
                    fail_or_count(columns, tally, message, "Correct it")
                number += 1
    except (pa.ArrowException, OSError) as error:
        message = f"{source} breaks after row {number} ({error})"
        fail_or_count(columns, tally, message, "Write it again", BROKEN_FILE)


def convert_batch(batch: pa.RecordBatch) -> list[dict[str, Any] | Exception]:
    """Return the rows of a batch; in the place of one that cannot be converted, its error."""
    try:
        return list(batch.to_pylist())
    except CONVERSION_ERRORS as error:
        if batch.num_rows == 1:
            return [error]
    return [row for index in range(batch.num_rows) for row in convert_batch(batch.slice(index, 1))]
