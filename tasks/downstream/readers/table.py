"""The rows of tables as benchmarks need them: with a value in each column that is named."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.errors import StageFailure
from tasks.input_files.table_reader import NumberedRow, Row, TableReader

DEFAULT_READER = TableReader(SETTING)


def read_table_rows(
    path: Path, columns: list[str], reader: TableReader = DEFAULT_READER, rejected: RejectedRows | None = None
) -> Iterator[tuple[Row, str]]:
    """Yield every row as column → value, and its "file, row n". Raises the errors of `select_valid_rows`."""
    yield from select_valid_rows(reader.read_rows(path), columns, rejected)


def sample_table(path: Path, reader: TableReader, max_rows: int = 1000) -> list[Row]:
    """Return the first rows of a table that can be read, with the fields of their objects as further columns."""
    rows = (row for row, _ in reader.read_rows(path) if not isinstance(row, StageFailure))
    return [flatten_row(row) for row in islice(rows, max_rows)]


def select_valid_rows(
    rows: Iterable[NumberedRow], columns: list[str], rejected: RejectedRows | None = None
) -> Iterator[tuple[Row, str]]:
    """Yield the rows that have a value in each of `columns`; `answers.text` is the field `text` of a column `answers`.

    A missing column, an empty value, or a row that could not be read is an error, which `rejected` raises or counts.
    """
    rejected = rejected or RejectedRows()
    for record, origin in rows:
        row = {} if isinstance(record, StageFailure) else flatten_row(record)
        problem = record if isinstance(record, StageFailure) else find_problem(row, origin, columns)
        if problem is None:
            yield row, origin
        else:
            rejected.reject(problem)


def find_problem(row: Row, origin: str, columns: list[str]) -> StageFailure | None:
    """Return the error of the first column that is missing or empty; None for a valid row."""
    for name in columns:
        if name not in row:
            names = ", ".join(column for column in row if column) or "none"
            hint = f"Name one of the columns it has: {names} (or set format, or columns.header to false)"
            return StageFailure(f"{origin}: there is no column {name!r}", hint)
        if row[name] is None or not str(row[name]).strip():
            return StageFailure(f"{origin}: the column {name!r} is empty", "Fill it, or take the row out")
    return None


def flatten_row(row: Row) -> Row:
    """Return a row with the fields of its objects as further columns: `translation.de` for `translation`."""
    nested = [(name, flatten_row(value)) for name, value in row.items() if isinstance(value, dict)]
    return row | {f"{name}.{field}": value for name, fields in nested for field, value in fields.items()}


def as_text(value: Any) -> str:
    """Return a value as text; a list of texts, such as sentences or keywords, is joined by spaces."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
