"""Parallel files, whose lines correspond: `train.de` and `train.en`, also with gzip."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import StageFailure


def list_parallel_files(pattern: Path, names: list[str]) -> list[Path]:
    """Return the paths in which each name replaces the `*` of a pattern."""
    return [Path(str(pattern).replace("*", name)) for name in names]


def read_parallel_rows(pattern: Path, names: list[str]) -> Iterator[tuple[dict[str, str], str]]:
    """Yield every line as name → text, and its "file, line n". Raises StageFailure that names the file and the line."""
    paths = list_parallel_files(pattern, names)
    lines_of_files = [_read_lines(path) for path in paths]
    num_lines = len(lines_of_files[0])
    for path, lines in zip(paths, lines_of_files, strict=True):
        if len(lines) != num_lines:
            raise StageFailure(
                f"{paths[0]} has {num_lines:,} lines, and {path} has {len(lines):,}",
                "Give files whose lines correspond",
            )
    for number, row in enumerate(zip(*lines_of_files, strict=True), start=1):
        for path, text in zip(paths, row, strict=True):
            if not text.strip():
                raise StageFailure(f"{path}, line {number}: the line is empty", "Fill it, or take it out of all files")
        yield dict(zip(names, row, strict=True)), f"{paths[0]}, line {number}"


def _read_lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise StageFailure(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks") from error
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise StageFailure(f"{path} is not a complete gzip file: {error}", "Copy it again") from error
    # not splitlines: it also splits at characters inside of a text, such as U+2028, which the other file lacks
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]
