"""Parallel files, whose lines correspond: `train.de` and `train.en`, texts and labels, also packed."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from tasks.errors import StageFailure
from tasks.input_files.data_paths import is_data_folder, list_data_files, read_data_text

WILDCARD = "*"
"""Stands in a path for the names of the columns"""


def is_parallel_pattern(path: Path) -> bool:
    """Return whether a path stands for parallel files."""
    return WILDCARD in str(path)


def list_parallel_files(pattern: Path, names: list[str]) -> list[Path]:
    """Return the paths in which each name replaces the `*` of a pattern."""
    return [Path(str(pattern).replace(WILDCARD, name)) for name in names]


def match_parallel_files(pattern: Path) -> list[Path]:
    """Return the files that a pattern may stand for, sorted."""
    folder = pattern
    while is_parallel_pattern(folder):
        folder = folder.parent
    if not is_data_folder(folder):
        return []
    return [path for path in list_data_files(folder) if fnmatchcase(str(path), str(pattern))]


def read_parallel_rows(
    pattern: Path, names: list[str], setting: str, encoding: str = ""
) -> Iterator[tuple[dict[str, str] | StageFailure, str]]:
    """Yield every line as name → text, and its "file, line n"; an error for a line that is empty in one of the files.

    Raises StageFailure where the files have different numbers of lines.
    """
    paths = list_parallel_files(pattern, names)
    lines_of_files = [read_parallel_lines(path, setting, encoding) for path in paths]
    num_lines = len(lines_of_files[0])
    for path, lines in zip(paths, lines_of_files, strict=True):
        if len(lines) != num_lines:
            raise StageFailure(
                f"{paths[0]} has {num_lines:,} lines, and {path} has {len(lines):,}",
                "Give files whose lines correspond",
            )
    for number, row in enumerate(zip(*lines_of_files, strict=True), start=1):
        origin = f"{paths[0]}, line {number}"
        empty = next((path for path, text in zip(paths, row, strict=True) if not text.strip()), None)
        if empty is not None:
            what = f"{empty}, line {number}: the line is empty"
            yield StageFailure(what, "Fill it, or take it out of all files"), origin
        else:
            yield dict(zip(names, row, strict=True)), origin


def read_parallel_lines(path: Path, setting: str, encoding: str = "") -> list[str]:
    """Return the lines of a file, without the empty one behind the last line end."""
    text = read_data_text(path, setting, encoding)
    # not splitlines: it also splits at characters inside of a text, such as U+2028, which the other file lacks
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]
