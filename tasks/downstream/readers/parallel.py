"""Texts that belong together line by line, a file each: `train.de` and `train.en`, also with gzip."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import StageFailure


def parallel_files(pattern: Path, names: list[str]) -> list[Path]:
    """The files of a path in which `*` stands for each name."""
    return [Path(str(pattern).replace("*", name)) for name in names]


def parallel_rows(pattern: Path, names: list[str]) -> Iterator[tuple[dict[str, str], str]]:
    """Every line as name → text, and its "file, line n". Raises StageFailure that names the file and the line."""
    paths = parallel_files(pattern, names)
    texts = [_lines(path) for path in paths]
    for path, lines in zip(paths, texts, strict=True):
        if len(lines) != len(texts[0]):
            raise StageFailure(
                f"{paths[0]} has {len(texts[0]):,} lines, and {path} has {len(lines):,}",
                "Give files whose lines belong together",
            )
    for number, row in enumerate(zip(*texts, strict=True), start=1):
        for path, text in zip(paths, row, strict=True):
            if not text.strip():
                raise StageFailure(f"{path}, line {number}: the line is empty", "Fill it, or take it out of all files")
        yield dict(zip(names, row, strict=True)), f"{paths[0]}, line {number}"


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise StageFailure(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks") from error
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise StageFailure(f"{path} is not a whole gzip file: {error}", "Copy it anew") from error
    # not splitlines: it also splits at signs inside a text that the other file's line lacks
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]
