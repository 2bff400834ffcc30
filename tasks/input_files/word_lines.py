"""Text files with a word a line, as CoNLL's, or lines of `word/TAG`."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

NEW_DOCUMENT = "-DOCSTART-"
# in CoNLL-U and its relatives: `# sent_id = 4`, `# id 07c domain=train`; a word may be # too
METADATA = re.compile(r"#.*[=:]|#\s*(id|newdoc|newpar|text|sent|doc)\b", re.IGNORECASE)
MULTIWORD = re.compile(r"\d+[-.]\d+")
MAX_WORDS = 400
"""of a sentence, in the mean"""
MIN_FITTING = 0.9
"""fraction of the lines, and of the cells, of a text with a word a line that look so"""
SLASHED = re.compile(r"(?P<word>.+)/(?P<tag>[^\s/]+)")


class CountedLine(NamedTuple):
    """A line of a file: its number from 1, and its cells."""

    number: int
    cells: list[str]


def split_sentences(text: str) -> Iterator[list[CountedLine]]:
    """Yield the sentences of a text as lines of cells, without comments and marks of documents.

    Cells are divided by tabs where most lines have one, so that a word may hold a blank; else by any whitespace.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    content = [line for line in lines if line.strip()]
    by_tab = sum("\t" in line for line in content) > 0.5 * len(content)
    cells_of_lines = [[cell.strip() for cell in line.split("\t")] if by_tab else line.split() for line in lines]
    lengths = Counter(len(cells) for cells in cells_of_lines if any(cells))
    usual = lengths.most_common(1)[0][0] if lengths else 0
    first_cells = [cells[0] for cells in cells_of_lines if len(cells) == usual > 1]
    is_numbered = sum(cell.isdecimal() or bool(MULTIWORD.fullmatch(cell)) for cell in first_cells) > 0.8 * len(
        first_cells
    )
    sentence: list[CountedLine] = []
    for number, cells in enumerate(cells_of_lines, start=1):
        if not any(cells):
            if sentence:
                yield sentence
            sentence = []
        elif cells[0].startswith(NEW_DOCUMENT) or _is_comment(lines[number - 1], cells, usual):
            continue
        elif not (is_numbered and MULTIWORD.fullmatch(cells[0])):  # CoNLL-U's range of a contraction
            sentence.append(CountedLine(number, cells))
    if sentence:
        yield sentence


def _is_comment(line: str, cells: list[str], usual: int) -> bool:
    return line.startswith("#") and usual > 0 and (len(cells) != usual or bool(METADATA.match(line)))


def split_word_columns(text: str) -> Iterator[tuple[str, ...]]:
    """Yield each column of each sentence of a text with a word a line; nothing for other texts."""
    sentences = [[line.cells for line in sentence] for sentence in split_sentences(text)]
    counts = Counter(len(cells) for sentence in sentences for cells in sentence)
    usual, num_usual = counts.most_common(1)[0] if counts else (0, 0)
    # words, their tags, and numbers: nearly no cell has a blank, and nearly all lines have as many cells
    num_words = sum(len(cell.split()) <= 1 for sentence in sentences for cells in sentence for cell in cells)
    num_cells = sum(length * count for length, count in counts.items())
    if len(sentences) < 2 or counts.total() > MAX_WORDS * len(sentences):
        return  # a table, which has no empty lines
    if usual < 2 or num_usual < MIN_FITTING * counts.total() or num_words < MIN_FITTING * num_cells:
        return
    for sentence in sentences:
        yield from zip(*(cells for cells in sentence if len(cells) == usual), strict=True)


def is_slashed(text: str) -> bool:
    """Return whether a text is lines of `word/TAG`."""
    lines = [line.split() for line in text.split("\n", 200)[:200] if line.strip()]
    words = [word for line in lines for word in line]
    return len(words) >= 2 * len(lines) > 0 and sum(bool(SLASHED.fullmatch(word)) for word in words) > 0.98 * len(words)
