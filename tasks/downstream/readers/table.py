"""Tables of texts and answers: TSV, CSV, JSONL and Parquet."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import BadSetting, StageFailure

TableFormat = Literal["auto", "tsv", "csv", "jsonl", "parquet"]


Row = dict[str, Any]
RejectedRows = list[StageFailure] | None
"""A list that the errors of skipped rows are put into; None where an error is raised"""


def read_table_rows(
    path: Path,
    columns: list[str],
    *,
    file_format: TableFormat = "auto",
    header: bool = True,
    rejected: RejectedRows = None,
) -> Iterator[tuple[Row, str]]:
    """Yield every row as column → value, and its "file, row n"; the first row after a header is row 1.

    Without a header, columns are named by their number from 0. Raises StageFailure for a file that is missing or
    unreadable, and the errors of `select_valid_rows`.
    """
    rows = enumerate(_read_rows(path, file_format, header), start=1)
    yield from select_valid_rows(((row, f"{path}, row {number}") for number, row in rows), columns, rejected)


def select_valid_rows(
    rows: Iterable[tuple[Row | StageFailure, str]], columns: list[str], rejected: RejectedRows = None
) -> Iterator[tuple[Row, str]]:
    """Yield the rows that have a value in each of `columns`; `answers.text` is the field `text` of a column `answers`.

    Raises StageFailure for a missing column, an empty value, or a row that could not be read. With a list `rejected`
    such rows are skipped and their errors are appended to it.
    """
    for record, origin in rows:
        row = {} if isinstance(record, StageFailure) else flatten_row(record)
        problem = record if isinstance(record, StageFailure) else find_problem(row, origin, columns)
        if problem is None:
            yield row, origin
        elif rejected is None:
            raise problem
        else:
            rejected.append(problem)


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


def _read_rows(path: Path, file_format: TableFormat, header: bool) -> Iterator[Row | StageFailure]:
    readers: dict[str, Callable[[Path, bool], Iterator[Row | StageFailure]]]
    readers = {"tsv": _read_tsv, "csv": _read_csv, "jsonl": _read_json_lines, "parquet": _read_parquet}
    name = path.suffix.lstrip(".") if file_format == "auto" else file_format
    if name not in readers:
        raise StageFailure(
            f"{path} is not a table that can be read by its suffix", f"Give one of {', '.join(readers)}, or set format"
        )
    if not path.is_file():
        raise BadSetting(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks")
    try:
        yield from readers[name](path, header)
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error


def _read_tsv(path: Path, header: bool) -> Iterator[Row | StageFailure]:
    # no csv.reader: quotes are part of the text in the TSV files of GLUE and CLUE, and often unbalanced
    # newline="\n": a lone \r inside of a text is not the end of a line; utf-8-sig drops a byte order mark
    with path.open(encoding="utf-8-sig", newline="\n") as lines:
        yield from _name_columns(path, (line.rstrip("\r\n").split("\t") for line in lines), header)


def _read_csv(path: Path, header: bool) -> Iterator[Row | StageFailure]:
    # newline="": the csv module reads line ends inside quotes itself.
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from _name_columns(path, csv.reader(lines), header)


def _name_columns(path: Path, rows: Iterator[list[str]], header: bool) -> Iterator[Row | StageFailure]:
    names = next(rows, []) if header else None
    for number, row in enumerate(rows, start=1):
        # without a header rows may differ in length: those of STS have more columns where a source is named
        if names is None:
            yield {str(column): value for column, value in enumerate(row)}
            continue
        if len(row) == len(names):
            yield dict(zip(names, row, strict=True))
        else:
            # yielded and not raised, so that the reader can skip the row and go on
            message = f"{path}, row {number}: {len(row)} columns where {len(names)} were expected"
            yield StageFailure(message, "Correct the row")


def _read_json_lines(path: Path, header: bool) -> Iterator[Row]:  # noqa: ARG001 - one signature for all readers
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise StageFailure(f"{path}, row {number}: not JSON ({error.msg})", "Correct the line") from error
            if not isinstance(row, dict):
                raise StageFailure(f"{path}, row {number}: not an object with columns", "Correct the line")
            yield row


def _read_parquet(path: Path, header: bool) -> Iterator[Row]:  # noqa: ARG001 - one signature for all readers
    try:
        yield from pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise StageFailure(f"{path} is not a Parquet file: {error}", "Give a complete file") from error
