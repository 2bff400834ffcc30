"""Tables of texts and answers: TSV, CSV, JSONL and Parquet."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import BadSetting, StageFailure

TableFormat = Literal["by suffix", "tsv", "csv", "jsonl", "parquet"]


Row = dict[str, Any]
Broken = list[StageFailure] | None


def rows_of(
    path: Path,
    wanted: list[str],
    *,
    layout: TableFormat = "by suffix",
    header: bool = True,
    broken: Broken = None,
) -> Iterator[tuple[Row, str]]:
    """Every row as column → value, and its "file, row n"; the first row after a header is row 1.

    Without a header columns are called by their number from 0. Raises StageFailure for a file that is missing or
    unreadable, and for a row as `fitting` does.
    """
    rows = enumerate(_rows(path, layout, header), start=1)
    yield from fitting(((row, f"{path}, row {number}") for number, row in rows), wanted, broken)


def fitting(
    rows: Iterable[tuple[Row | StageFailure, str]], wanted: list[str], broken: Broken = None
) -> Iterator[tuple[Row, str]]:
    """Rows that have these columns; `answers.text` is the field `text` of a column `answers`.

    Raises StageFailure for a missing column, an empty value, or a row that was not read; with a list to put them into,
    such rows are left out.
    """
    for found, origin in rows:
        row = {} if isinstance(found, StageFailure) else flat(found)
        problem = found if isinstance(found, StageFailure) else misfit(row, origin, wanted)
        if problem is None:
            yield row, origin
        elif broken is None:
            raise problem
        else:
            broken.append(problem)


def misfit(row: Row, origin: str, wanted: list[str]) -> StageFailure | None:
    """What is wrong with a row."""
    for name in wanted:
        if name not in row:
            known = ", ".join(key for key in row if key) or "none"
            mend = f"Name one of the columns it has: {known} (or set format, or columns.header to false)"
            return StageFailure(f"{origin}: there is no column {name!r}", mend)
        if row[name] is None or not str(row[name]).strip():
            return StageFailure(f"{origin}: the column {name!r} is empty", "Fill it, or take the row out")
    return None


def flat(row: Row) -> Row:
    """A row with the fields of its columns as further columns: `translation.de` of `translation`."""
    nested = [(name, flat(value)) for name, value in row.items() if isinstance(value, dict)]
    return row | {f"{name}.{field}": value for name, fields in nested for field, value in fields.items()}


def text_in(value: Any) -> str:
    """A column's text; a list of texts, as of sentences or keywords, is read as one."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).strip()


def _rows(path: Path, layout: TableFormat, header: bool) -> Iterator[Row | StageFailure]:
    readers: dict[str, Callable[[Path, bool], Iterator[Row | StageFailure]]]
    readers = {"tsv": _tabbed, "csv": _commas, "jsonl": _json_lines, "parquet": _parquet}
    name = path.suffix.lstrip(".") if layout == "by suffix" else layout
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


def _tabbed(path: Path, header: bool) -> Iterator[Row | StageFailure]:
    # quotes mean nothing in the TSV files of GLUE and CLUE, where they stand unbalanced in texts
    with path.open(encoding="utf-8-sig", newline="\n") as lines:
        yield from _named(path, (line.rstrip("\r\n").split("\t") for line in lines), header)


def _commas(path: Path, header: bool) -> Iterator[Row | StageFailure]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from _named(path, csv.reader(lines), header)


def _named(path: Path, rows: Iterator[list[str]], header: bool) -> Iterator[Row | StageFailure]:
    names = next(rows, []) if header else None
    for number, row in enumerate(rows, start=1):
        if names is None:  # rows of STS have more columns where a source is named
            yield {str(column): value for column, value in enumerate(row)}
            continue
        if len(row) == len(names):
            yield dict(zip(names, row, strict=True))
        else:
            what = f"{path}, row {number}: {len(row)} columns where {len(names)} were expected"
            yield StageFailure(what, "Correct the row")


def _json_lines(path: Path, header: bool) -> Iterator[Row]:  # noqa: ARG001 - one signature for all readers
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise StageFailure(f"{path}, row {number}: not JSON ({error.msg})", "Correct the line") from error
            if not isinstance(row, dict):
                raise StageFailure(f"{path}, row {number}: not an object with columns", "Correct the line")
            yield row


def _parquet(path: Path, header: bool) -> Iterator[Row]:  # noqa: ARG001 - one signature for all readers
    try:
        yield from pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise StageFailure(f"{path} is not a Parquet file: {error}", "Give a whole file") from error
