"""Tagged words: one a line with its tag, `word/TAG` in running text, or sentences and their tags in parallel lines."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.tag_schemes import OUTSIDE, PREFIXED, SUFFIXED, UNTYPED
from tasks.errors import StageFailure
from tasks.input_files.data_paths import read_data_text
from tasks.input_files.word_lines import MULTIWORD, SLASHED, CountedLine, split_sentences

CHUNKS = frozenset({"B-NP", "B-VP", "B-PP", "I-NP", "I-VP"})
"""Tags of phrases, which stand in a column of CoNLL-2000 and 2003"""
TaggedSentence = tuple[list[str], list[str], str]
"""Words, tags, and origin"""


class WordColumns(NamedTuple):
    """The columns of the word and its tag, from 0, or from the end: -1 is the last."""

    word: int
    tag: int


def guess_word_columns(text: str) -> WordColumns:
    """Guess which columns hold the word and the tag: the last of tags, and the first of words that are no numbers."""
    rows = [line.cells for sentence in split_sentences(text[: 1 << 20]) for line in sentence][:5000]
    num_columns = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    rows = [row for row in rows if len(row) == num_columns]
    columns = list(zip(*rows, strict=True))
    fitting = [index for index, cells in enumerate(columns) if looks_like_tags(cells)]
    if not fitting:
        return WordColumns(0, -1)
    # of several the last, but not one of phrases, nor one of nested entities where few words have any
    entities = [index for index in fitting if not set(columns[index]) & CHUNKS] or fitting
    counts = {index: sum(cell not in OUTSIDE for cell in columns[index]) for index in entities}
    tag = max(counts, key=lambda index: (counts[index] >= max(counts.values()) / 3, index))
    words = [
        index
        for index, cells in enumerate(columns)
        if index != tag
        and len(set(cells)) > 1
        and not all(cell.isdecimal() or MULTIWORD.fullmatch(cell) for cell in cells)
    ]
    word = words[0] if words else 0
    return WordColumns(word, -1 if tag == num_columns - 1 else tag)


def looks_like_tags(cells: tuple[str, ...]) -> bool:
    """Return whether the cells of a column are tags of one dialect, and some are inside of an entity."""
    inside = set(cells) - OUTSIDE
    return bool(inside) and any(
        all(pattern.fullmatch(cell) for cell in inside) for pattern in (PREFIXED, SUFFIXED, UNTYPED)
    )


def read_sentences(
    path: Path, word: int | None, tag: int | None, rejected: RejectedRows | None = None, encoding: str = ""
) -> Iterator[TaggedSentence]:
    """Yield words, tags and "file, line n" of every sentence, in the format of CoNLL-2003 and its dialects.

    `word` and `tag` are columns, counted from 0, or from the end: -1 is the last; None: guessed. A sentence with a line
    that lacks a column, or has another number of columns than the previous ones, is an error that names the line.
    """
    rejected = rejected or RejectedRows()
    text = read_data_text(path, SETTING, encoding)
    guess = guess_word_columns(text)
    word, tag = guess.word if word is None else word, guess.tag if tag is None else tag
    num_columns = 0
    for sentence in split_sentences(text):
        num_columns = num_columns or len(sentence[0].cells)
        problem = next(filter(None, (_find_problem(path, line, num_columns, word, tag) for line in sentence)), None)
        if problem is not None:
            rejected.reject(problem)
            continue
        cells = [line.cells for line in sentence]
        yield [row[word] for row in cells], [row[tag] for row in cells], f"{path}, line {sentence[0].number}"


def _find_problem(path: Path, line: CountedLine, num_columns: int, word: int, tag: int) -> StageFailure | None:
    count = len(line.cells)
    if count != num_columns:
        return StageFailure(
            f"{path}, line {line.number}: {count} columns, and {num_columns} in the previous lines",
            "Correct the line, or set format if the file is not in CoNLL's format",
        )
    if not (-count <= word < count and -count <= tag < count and word % count != tag % count):
        return StageFailure(
            f"{path}, line {line.number}: {count} columns, and the word is in column {word}, the tag in column {tag}",
            "Correct the line, or set columns.word and columns.tag",
        )
    if not line.cells[word] or not line.cells[tag]:
        return StageFailure(f"{path}, line {line.number}: the word or its tag is empty", "Fill it")
    return None


def read_slashed_sentences(path: Path, rejected: RejectedRows, encoding: str = "") -> Iterator[TaggedSentence]:
    """Yield words, tags and origin of the lines of a file of `word/TAG`."""
    for number, line in enumerate(read_data_text(path, SETTING, encoding).split("\n"), start=1):
        matches = [SLASHED.fullmatch(word) for word in line.split()]
        pairs = [(match["word"], match["tag"]) for match in matches if match]
        if len(pairs) < len(matches):
            rejected.reject(StageFailure(f"{path}, line {number}: not all words are word/TAG", "Correct the line"))
        elif pairs:
            yield [word for word, _ in pairs], [tag for _, tag in pairs], f"{path}, line {number}"


def split_parallel_tags(words: str, tags: str, origin: str, rejected: RejectedRows) -> Iterator[TaggedSentence]:
    """Yield a sentence and its tags, of two parallel lines; of a text without spaces each character is a word."""
    tag_list = tags.split()
    word_list = words.split()
    if len(word_list) != len(tag_list) == len(words.strip()):
        word_list = list(words.strip())
    if len(word_list) != len(tag_list):
        message = f"{origin}: {len(word_list)} words, and {len(tag_list)} tags"
        rejected.reject(StageFailure(message, "Correct the line"))
    else:
        yield word_list, tag_list, origin
