"""Tagged sentences in columns: a word a line, its tag in one of the columns, an empty line after a sentence."""

from collections.abc import Iterator
from pathlib import Path

from tasks.errors import BadSetting, StageFailure

NEW_DOCUMENT = "-DOCSTART-"


def sentences_of(path: Path, word: int, tag: int) -> Iterator[tuple[list[str], list[str], str]]:
    """Words, tags and "file, line n" of every sentence, in the format of CoNLL-2003.

    Columns count from 0, or from the end: -1 is the last.

    Raises StageFailure that names the line where a column is missing, or which has other columns than those before.
    """
    words: list[str] = []
    tags: list[str] = []
    begun, width = 1, 0
    for number, line in enumerate([*_lines(path), ""], start=1):
        columns = line.split()
        if columns and columns[0] != NEW_DOCUMENT:
            width = width or len(columns)
            if len(columns) != width:
                raise StageFailure(
                    f"{path}, line {number}: {len(columns)} columns, and {width} in the lines before",
                    "Correct the line, or set format if the file is none of CoNLL's",
                )
            try:
                words.append(columns[word])
                tags.append(columns[tag])
            except IndexError as error:
                raise StageFailure(
                    f"{path}, line {number}: {len(columns)} columns, and the word is in column {word}, "
                    f"the tag in column {tag}",
                    "Correct the line, or set columns.word and columns.tag",
                ) from error
        elif words:
            yield words, tags, f"{path}, line {begun}"
            words, tags = [], []
        if not columns:
            begun = number + 1


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise BadSetting(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks") from error
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error
