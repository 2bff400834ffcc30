"""Guess how a text file holds a table: which sign is between its columns, and whether its first row names them."""

import csv
import io
import re
from collections import Counter
from typing import NamedTuple

from tasks.input_files.column_names import is_known_name

DELIMITERS = ("\t", " ||| ", ",", ";", "|")
SAMPLE_LINES = 400
MIN_AGREEMENT = 0.9
"""fraction of the rows that must have the usual number of columns"""
MAX_NAME_LENGTH = 40
# the default of 128 KiB would refuse longer texts
csv.field_size_limit(1 << 30)


class TableLayout(NamedTuple):
    """The way in which a text file holds a table."""

    delimiter: str
    """the sign between columns; empty: there is one column"""
    quoted: bool
    """whether quotes around a cell are no part of it"""
    header: bool
    """whether the first row names the columns"""


def split_rows(text: str, delimiter: str, *, quoted: bool) -> list[list[str]]:
    """Return the rows of a text as cells; an empty line is an empty row."""
    if quoted and len(delimiter) == 1:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    lines = text.split("\n")
    # not splitlines: a lone \r, or U+2028, inside of a text is not the end of a line
    lines = [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
    if not delimiter:
        return [[line] if line.strip() else [] for line in lines]
    return [line.split(delimiter) if line.strip() else [] for line in lines]


def guess_layout(text: str, suffix: str, delimiter: str = "", header: bool | None = None) -> TableLayout:
    """Guess the layout from the beginning of a text; what is given is not guessed. `suffix` decides where signs tie."""
    sample = "\n".join(text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES])
    if delimiter == "\t" and suffix == ".tsv":
        # quotes are part of the text in the TSV files of GLUE and CLUE, and often unbalanced
        quoted = is_quoted_table(sample, "\t")
    else:
        delimiter = delimiter or guess_delimiter(sample, suffix)
        quoted = delimiter not in ("", "\t", " ||| ") or is_quoted_table(sample, delimiter)
    rows = [row for row in split_rows(sample, delimiter, quoted=quoted) if row]
    return TableLayout(delimiter, quoted, has_header(rows) if header is None else header)


def guess_delimiter(sample: str, suffix: str) -> str:
    """Return the sign that divides most lines into equally many cells; empty where none does."""
    preferred = {".tsv": "\t", ".csv": ","}.get(suffix, "\t")
    best, best_score = "", 0.0
    for candidate in sorted(DELIMITERS, key=lambda sign: sign != preferred):
        quoted = candidate not in ("\t", " ||| ") or is_quoted_table(sample, candidate)
        if candidate in ",;" and suffix != ".csv" and is_punctuation(sample, candidate):
            continue
        counts = Counter(len(row) for row in split_rows(sample, candidate, quoted=quoted) if row)
        if not counts:
            continue
        total = sum(counts.values())
        (usual, num_usual) = counts.most_common(1)[0]
        # rows of a table without a header may end in further columns, as in STS; none has fewer than two
        divided = sum(count for length, count in counts.items() if length >= 2) / total
        score = num_usual / total if usual >= 2 else 0.0
        if candidate == "\t" and divided >= MIN_AGREEMENT:
            score = max(score, divided)
        # a comma or a bar occurs in sentences too: equally often in nearly all of them it does not
        if score >= MIN_AGREEMENT and score > best_score:
            best, best_score = candidate, score
    if not best and suffix in (".tsv", ".csv"):
        # odd rows: the suffix says what the first row was meant to be divided by
        return next((sign for sign in (preferred, ";", "\t") if sign in sample.split("\n", 1)[0]), "")
    return best


def is_punctuation(sample: str, sign: str) -> bool:
    """Return whether a sign is followed by a blank wherever it stands, as in sentences."""
    return sample.count(f"{sign} ") > 0.5 * sample.count(sign)


def is_quoted_table(sample: str, delimiter: str) -> bool:
    """Return whether cells in quotes hold line ends or signs, so that only their quotes make the rows equally long."""
    if not delimiter or len(delimiter) > 1 or not re.search(rf'(^|{re.escape(delimiter)})"', sample, re.MULTILINE):
        return False
    plain, quoted = (
        Counter(len(row) for row in split_rows(sample, delimiter, quoted=is_quoted) if row)
        for is_quoted in (False, True)
    )
    return len(quoted) == 1 and (len(plain) > 1 or bool(re.search(rf'"{re.escape(delimiter)}"', sample)))


def has_header(rows: list[list[str]]) -> bool:
    """Guess whether the first row names the columns."""
    if len(rows) < 2:
        return bool(rows) and any(map(is_known_name, rows[0]))
    first, others = rows[0], rows[1:]
    if len(set(first)) < len(first) or any(len(cell) > MAX_NAME_LENGTH for cell in first):
        return False
    columns = [[row[index] for row in others if index < len(row)] for index in range(len(first))]
    for name, values in zip(first, columns, strict=True):
        # a number or a class of its own column is no name
        if is_number(name) or (name in values and len(set(values)) <= len(values) / 2):
            return False
    if any(map(is_known_name, first)):
        return True
    # a word above numbers, or above a few classes that recur without it
    return any(
        bool(values) and (all(map(is_number, values)) or (len(values) >= 6 and len(set(values)) <= len(values) / 3))
        for name, values in zip(first, columns, strict=True)
        if name.strip() and len(name.split()) <= 3
    ) and all(len(name.split()) <= 3 and not re.search(r"[.!?。！？]", name) for name in first)


def is_number(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
