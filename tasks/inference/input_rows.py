"""The rows that a model predicts for, from tables, lines of text, folders and documents of the store."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.table import as_text, read_table_rows, sample_table
from tasks.errors import StageFailure
from tasks.input_files.column_names import find_by_name
from tasks.input_files.data_paths import (
    get_data_suffix,
    is_data_file,
    is_data_folder,
    list_data_files,
    read_data_text,
)
from tasks.input_files.table_reader import TABLE_SUFFIXES, Row, TableReader

log = logging.getLogger("textmill.predict")

LINE_SUFFIXES = ("", ".txt", ".text", ".md")
ROLES = {"answers": ("question", "context"), "texts": ("source", "")}
"""Type of a task → what its two texts are called by; of others a text, or a first and a second one"""


class InputColumns(NamedTuple):
    """The columns of a table that are read; empty: guessed by their names and values."""

    text: str = ""
    second: str = ""
    origin: str = ""
    """the column that says where a row comes from, such as url; empty: the file and the number of the row"""


class InputRow(NamedTuple):
    """A row to predict for."""

    text: str
    second: str
    origin: str


def list_input_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of all paths, those of folders and archives sorted. Raises StageFailure for a missing one.

    Of a folder, files of kinds that are not read are left out with a warning.
    """
    files = []
    for path in paths:
        if is_data_file(path):
            files.append(path)
        elif is_data_folder(path):
            members = list_data_files(path)
            known = [file for file in members if get_data_suffix(file) in (*TABLE_SUFFIXES, *LINE_SUFFIXES[1:])]
            if len(known) < len(members):
                log.warning("%s: %s files are of kinds that are not read", path, f"{len(members) - len(known):,}")
            files += known
        else:
            raise StageFailure(
                f"there is no file {path}", "Correct the path, or give a key of a clean or dedup artifact"
            )
    if not files:
        raise StageFailure(
            f"{paths[0]} holds no file that is read",
            f"Give {', '.join(TABLE_SUFFIXES)} or {LINE_SUFFIXES[1]} files",
        )
    return files


def read_input_rows(
    file: Path, columns: InputColumns, kind: str, *, needs_second: bool, rejected: RejectedRows
) -> Iterator[InputRow]:
    """Yield the rows of one file; what has no text is rejected. Raises StageFailure for an unreadable file.

    A file of text has a text on each line; other files are tables.
    """
    if get_data_suffix(file) in LINE_SUFFIXES and not (columns.text or needs_second):
        for number, line in enumerate(read_data_text(file, "FILE").splitlines(), start=1):
            if line.strip():
                yield InputRow(line.strip(), "", f"{file}, line {number}")
        return
    reader = TableReader("FILE")
    reader = TableReader("FILE", header=reader.guess_header(file, (columns.text, columns.second)))
    text, second = find_columns(sample_table(file, reader, 50), file, columns, kind, needs_second=needs_second)
    required = [text, second] if needs_second else [text]
    for row, origin in read_table_rows(file, required, reader, rejected):
        place = str(row[columns.origin]) if row.get(columns.origin) else origin
        yield InputRow(as_text(row[text]), as_text(row.get(second) or "") if second else "", place)


def find_columns(
    sample: list[Row], file: Path, columns: InputColumns, kind: str, *, needs_second: bool
) -> tuple[str, str]:
    """Return the columns of the text and of the second text. Raises StageFailure where that is not clear."""
    names = list(sample[0]) if sample else []
    for name in (columns.text, columns.second):
        if name and name not in names:
            raise StageFailure(f"{file}: there is no column {name!r}", f"It has: {', '.join(names) or 'none'}")
    first_role, second_role = ROLES.get(kind, ("first", "second") if needs_second else ("text", ""))
    text = columns.text or find_by_name(names, first_role) or find_by_name(names, "text")
    if not text and not needs_second:
        text = find_longest_column(sample)
    second = columns.second
    if needs_second and not second:
        second = find_by_name([name for name in names if name != text], second_role)
    if not text or (needs_second and not second):
        role = "--second" if text else "--text"
        raise StageFailure(
            f"{file}: it is not clear which column is meant", f"Give {role} with one of {', '.join(names)}"
        )
    return text, second


def find_longest_column(sample: list[Row]) -> str:
    """Return the column with the longest texts; empty where no column holds texts."""
    lengths = {
        name: sum(len(row[name]) for row in sample if isinstance(row.get(name), str)) for name in (sample or [{}])[0]
    }
    best = max(lengths, key=lambda name: lengths[name], default="")
    return best if lengths.get(best) else ""
