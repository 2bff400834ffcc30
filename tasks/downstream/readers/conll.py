"""Tagged sentences in columns: one word a line, its tag in one of the columns, an empty line after a sentence."""

from collections.abc import Iterator
from pathlib import Path

from tasks.downstream.readers import SETTING
from tasks.errors import StageFailure
from tasks.runtime.text_files import read_text

NEW_DOCUMENT = "-DOCSTART-"


def read_sentences(path: Path, word: int, tag: int) -> Iterator[tuple[list[str], list[str], str]]:
    """Yield words, tags and "file, line n" of every sentence, in the format of CoNLL-2003.

    `word` and `tag` are columns, counted from 0, or from the end: -1 is the last. Raises StageFailure that names a line
    with a missing column, or with another number of columns than the previous ones.
    """
    words: list[str] = []
    tags: list[str] = []
    start_line, num_columns = 1, 0
    for number, line in enumerate(
        [*read_text(path, SETTING).split("\n"), ""], start=1
    ):  # the empty line ends the last sentence
        columns = line.split()
        if columns and columns[0] != NEW_DOCUMENT:
            num_columns = num_columns or len(columns)
            if len(columns) != num_columns:
                raise StageFailure(
                    f"{path}, line {number}: {len(columns)} columns, and {num_columns} in the previous lines",
                    "Correct the line, or set format if the file is not in CoNLL's format",
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
            yield words, tags, f"{path}, line {start_line}"
            words, tags = [], []
        if not columns:
            start_line = number + 1
