"""Read a user's table of texts and labels; what does not fit is named by file, row and column."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.block import Block
from tasks.failure import BadSetting, StageFailure


class Columns(Block):
    """Which column holds what. Columns have names in the first row, or are numbers from 0 when there is no such row."""

    text: str = "text"
    """the text"""
    second_text: str = ""
    """a second text, for tasks on pairs; empty: there is none"""
    label: str = "label"
    """the class"""
    header: bool = True
    """whether the first row of a TSV or CSV file holds the columns' names"""


def rows_of(path: Path, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """Text, label and "file, row n" of every row; the first row after a header is row 1.

    Raises StageFailure for a file that is missing or unreadable, a missing column, an empty text or label.
    """
    wanted = [name for name in (columns.text, columns.second_text, columns.label) if name]
    for number, row in enumerate(_rows(path, columns.header), start=1):
        origin = f"{path}, row {number}"
        for name in wanted:
            if row.get(name) is None:
                known = ", ".join(key for key in row if key) or "none"
                raise StageFailure(f"{origin}: there is no column {name!r}", f"Name one of the columns it has: {known}")
            if not str(row[name]).strip():
                raise StageFailure(f"{origin}: the column {name!r} is empty", "Fill it, or take the row out")
        text = str(row[columns.text]).strip()
        if columns.second_text:
            text = f"{text}\n{str(row[columns.second_text]).strip()}"
        yield text, str(row[columns.label]).strip(), origin


def _rows(path: Path, header: bool) -> Iterator[dict[str, Any]]:
    readers = {".tsv": _tabbed, ".csv": _commas, ".jsonl": _json_lines, ".parquet": _parquet}
    if path.suffix not in readers:
        raise StageFailure(f"{path} is not a table that can be read", f"Give one of {', '.join(readers)}")
    if not path.is_file():
        raise BadSetting(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks.labelled_text")
    try:
        yield from readers[path.suffix](path, header)
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error


def _tabbed(path: Path, header: bool) -> Iterator[dict[str, Any]]:
    # quotes mean nothing in the TSV files of GLUE and CLUE, where they stand unbalanced in texts
    with path.open(encoding="utf-8-sig", newline="\n") as lines:
        yield from _named(path, (line.rstrip("\r\n").split("\t") for line in lines), header)


def _commas(path: Path, header: bool) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from _named(path, csv.reader(lines), header)


def _named(path: Path, rows: Iterator[list[str]], header: bool) -> Iterator[dict[str, Any]]:
    names: list[str] | None = None
    for number, row in enumerate(rows, start=0 if header else 1):
        if names is None:
            names = row if header else [str(column) for column in range(len(row))]
            if header:
                continue
        if len(row) != len(names):
            raise StageFailure(
                f"{path}, row {number}: {len(row)} columns where {len(names)} were expected", "Correct the row"
            )
        yield dict(zip(names, row, strict=True))


def _json_lines(path: Path, header: bool) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - one signature for all readers
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise StageFailure(f"{path}, row {number}: not JSON ({error.msg})", "Correct the line") from error
            if not isinstance(row, dict):
                raise StageFailure(f"{path}, row {number}: not an object with columns", "Correct the line")
            yield row


def _parquet(path: Path, header: bool) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - one signature for all readers
    try:
        yield from pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise StageFailure(f"{path} is not a Parquet file: {error}", "Give a whole file") from error
