"""Tables of texts and answers: TSV, CSV, JSON, Parquet, lines with labels, and a folder for each class."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import (
    get_data_suffix,
    is_data_file,
    is_data_folder,
    list_data_files,
    read_data_bytes,
    read_data_text,
)
from tasks.input_files.json_objects import read_objects
from tasks.input_files.labelled_texts import (
    guess_line_layout,
    list_line_files,
    read_class_files,
    read_class_folders,
    read_labelled_lines,
)
from tasks.input_files.multirc import read_multirc
from tasks.input_files.table_layout import guess_layout, split_rows

TableFormat = Literal["auto", "tsv", "csv", "jsonl", "parquet", "lines", "folders", "class_files", "tables", "multirc"]
FORMAT_OF_SUFFIX: dict[str, TableFormat] = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".parquet": "parquet",
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".jl"), "jsonl"),
}
TABLE_SUFFIXES = tuple(FORMAT_OF_SUFFIX)
PARQUET_ROWS = 1000
"""rows that are made Python objects at a time"""

Row = dict[str, Any]
NumberedRow = tuple[Row | StageFailure, str]
"""A row, or the error of one that cannot be read, and its origin"""


class TableReader(NamedTuple):
    """The way to read the files of a data set; what is empty is guessed from each file.

    `setting` is named in errors as the one that holds the path.
    """

    setting: str
    file_format: TableFormat = "auto"
    header: bool | None = None
    delimiter: str = ""
    encoding: str = ""

    def detect_format(self, path: Path) -> TableFormat:
        """Return the format of a file: by its suffix, and by its first bytes where that says nothing."""
        if self.file_format != "auto":
            return self.file_format
        if is_data_folder(path):
            return _detect_folder_format(path)
        suffix = get_data_suffix(path)
        if suffix in FORMAT_OF_SUFFIX:
            return FORMAT_OF_SUFFIX[suffix]
        if read_data_bytes(path, self.setting)[:4] == b"PAR1":
            return "parquet"
        text = read_data_text(path, self.setting, self.encoding)
        if text.lstrip()[:1] in ("{", "["):
            return "jsonl"
        has_columns = bool(self.delimiter or guess_layout(text, suffix).delimiter)
        return "csv" if has_columns or not guess_line_layout(text.split("\n")) else "lines"

    def guess_header(self, path: Path, named_columns: Iterable[str] = ()) -> bool | None:
        """Return whether the first row of a text file names the columns; None for files that are no such tables.

        Where the settings name a column by more than its number, it does.
        """
        if self.header is not None or not is_data_file(path) or self.detect_format(path) not in ("tsv", "csv"):
            return self.header
        if any(name and not name.isdecimal() for name in named_columns):
            return True
        delimiter = "\t" if self.detect_format(path) == "tsv" else self.delimiter
        return guess_layout(read_data_text(path, self.setting, self.encoding), get_data_suffix(path), delimiter).header

    def read_rows(self, path: Path) -> Iterator[NumberedRow]:
        """Yield the rows of a table with their origins. Raises StageFailure for a file that is missing or unreadable.

        Without a header, columns are named by their number from 0; the first row after a header is row 1.
        """
        if not is_data_file(path) and not is_data_folder(path):
            raise BadSetting(f"the file {path} does not exist", f"Correct the path in {self.setting}")
        file_format = self.detect_format(path)
        if file_format == "tables":
            for file in list_data_files(path):
                if get_data_suffix(file) in FORMAT_OF_SUFFIX:
                    yield from self._replace(file_format="auto").read_rows(file)
        else:
            yield from self._read_file(path, file_format)

    def _read_file(self, path: Path, file_format: TableFormat) -> Iterator[NumberedRow]:
        match file_format:
            case "class_files":
                yield from read_class_files(path, self.setting, self.encoding)
            case "folders":
                yield from read_class_folders(path, self.setting, self.encoding)
            case "parquet":
                for number, row in enumerate(_read_parquet(path, self.setting), start=1):
                    yield row, f"{path}, row {number}"
            case "jsonl":
                broken: list[StageFailure] = []
                for number, (row, _) in enumerate(
                    read_objects(path, self.setting, self.encoding, broken.append), start=1
                ):
                    yield from _drain(broken)
                    yield row, f"{path}, row {number}"
                yield from _drain(broken)
            case "multirc":
                yield from read_multirc(path, self.setting, self.encoding)
            case "lines":
                yield from read_labelled_lines(path, read_data_text(path, self.setting, self.encoding))
            case _:
                yield from self._read_separated(path, "\t" if file_format == "tsv" else self.delimiter)

    def _read_separated(self, path: Path, delimiter: str) -> Iterator[NumberedRow]:
        text = read_data_text(path, self.setting, self.encoding)
        layout = guess_layout(text, get_data_suffix(path), self.delimiter or delimiter, self.header)
        rows = iter(split_rows(text, layout.delimiter, quoted=layout.quoted))
        names = next((row for row in rows if row), []) if layout.header else None
        for number, row in enumerate(rows, start=1):
            origin = f"{path}, row {number}"
            if not row:
                continue  # an empty line, such as the last one
            # without a header rows may differ in length: those of STS have more columns where a source is named
            if names is None:
                yield {str(column): value for column, value in enumerate(row)}, origin
            elif len(row) == len(names):
                yield dict(zip(names, row, strict=True)), origin
            else:
                # yielded and not raised, so that the reader can skip the row and go on
                message = f"{origin}: {len(row)} columns where {len(names)} were expected"
                yield StageFailure(message, "Correct the row"), origin


def _detect_folder_format(folder: Path) -> TableFormat:
    """Return whether a folder holds a folder or a file for each class, or the pieces of one table."""
    if list_line_files(folder):
        return "class_files"
    files = [file for file in list_data_files(folder) if file.parent == folder]
    return "tables" if any(get_data_suffix(file) in FORMAT_OF_SUFFIX for file in files) else "folders"


def _read_parquet(path: Path, setting: str) -> Iterator[Row]:
    try:
        for batch in pq.ParquetFile(BytesIO(read_data_bytes(path, setting))).iter_batches(PARQUET_ROWS):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise StageFailure(f"{path} is not a Parquet file: {error}", "Give a complete file") from error


def _drain(broken: list[StageFailure]) -> Iterator[NumberedRow]:
    yield from ((failure, "") for failure in broken)
    broken.clear()
