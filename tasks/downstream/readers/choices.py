"""Questions with options in tables and JSON: options in a list or in columns of their own, or words for a blank."""

import ast
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.downstream.readers.column_roles import ColumnProfile, profile_columns
from tasks.input_files.column_names import ALIASES, find_by_name, is_ignored, normalise_column
from tasks.input_files.table_reader import Row

# the names of option columns: A, option_b, choice1, ending0, sol2
OPTION_COLUMN = re.compile(
    r"(?P<stem>|options?|choices?|endings?|answers?|opt|sol|candidates?|alternatives?|mc|inferences?)[ _.-]?"
    r"(?P<mark>[A-Ja-j]|\d)"
)
BLANK = re.compile(r"#idiom\d*#|@placeholder|\[BLANK\]|\[MASK\]|<blank>|<mask>|(?<![\w_])_{1,10}(?![\w_])")
MIN_ANSWERS = 10
"""fewest questions by which it is guessed whether options are counted from 0 or from 1"""


class ChoiceColumns(NamedTuple):
    """The columns of a question, its options (one with a list, or one each) and the answer."""

    question: str
    options: tuple[str, ...]
    answer: str


def find_choice_columns(rows: Sequence[Row], question: str, options: str, answer: str) -> ChoiceColumns:
    """Return the columns; those that are named, where the table has them, else by their usual names and values.

    What cannot be guessed has the usual name, so that the error of a row names it.
    """
    profiles = profile_columns(rows)
    names = list(profiles)
    if options in names:
        option_columns: tuple[str, ...] = (options,)
    elif wide := find_option_columns(names) or find_unnamed_options(rows, names):
        option_columns = tuple(wide)
    else:
        lists = [name for name, profile in profiles.items() if all(parse_option_list(v) for v in profile.values[:50])]
        option_columns = (_find_nested(lists, "options") or (lists or ["options"])[0],)
    others = [name for name in names if name not in option_columns and name.partition(".")[0] not in option_columns]
    if answer not in names:
        answer = _find_nested(others, "answer") or next(
            (name for name in reversed(others) if _looks_like_answer(profiles[name])), "answer"
        )
    others = [name for name in others if name != answer]
    if question not in names:
        texts = [name for name in others if profiles[name].looks_like_text and not profiles[name].is_list_of_texts]
        # of a few rows, questions look like nothing in particular
        candidates = texts or [name for name in others if profiles[name].is_scalar and not is_ignored(name)]
        by_length = sorted(candidates, key=lambda name: -profiles[name].mean_length)
        question = _find_nested(candidates, "question") or (by_length[0] if by_length else "question")
    return ChoiceColumns(question, option_columns, answer)


def find_option_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that hold an option each, in order; an empty list where there are fewer than two."""
    by_stem: dict[str, dict[str, str]] = {}
    for name in names:
        if match := OPTION_COLUMN.fullmatch(name.strip().lower()):
            is_letter_alone = not match["stem"] and match["mark"].isdigit()
            if not is_letter_alone:  # columns of a table without a header are numbers
                by_stem.setdefault(match["stem"], {})[match["mark"]] = name
    longest = max(by_stem.values(), key=len, default={})
    return [longest[mark] for mark in sorted(longest)] if len(longest) > 1 else []


def find_unnamed_options(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Return the columns of the options in a table without a header: those between the question and a last letter."""
    if len(names) < 4 or not all(name.isdecimal() for name in names):
        return []
    letters = "ABCDEFGHIJ"[: len(names) - 2]
    answers = {str(row.get(names[-1])).strip() for row in rows}
    return list(names[1:-1]) if len(answers) > 1 and answers <= set(letters) else []


def parse_option_list(value: Any) -> list[str]:
    """Return the options in a cell: a list of texts, or of objects with a text; an empty list for anything else."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = ast.literal_eval(value)  # a table of text has lists as Python or JSON writes them
        except (ValueError, SyntaxError, RecursionError):
            return []
    if isinstance(value, dict):
        # ARC: {"text": […], "label": ["A", …]}; else an option for each letter
        value = value["text"] if isinstance(value.get("text"), list) else list(value.values())
    if not isinstance(value, list) or len(value) < 2:
        return []
    texts = [item.get("text", item.get("para")) if isinstance(item, dict) else item for item in value]
    return (
        [str(text) for text in texts]
        if all(isinstance(text, (str, int, float)) and str(text) for text in texts)
        else []
    )


def collect_options(row: Row, columns: Sequence[str]) -> list[str]:
    """Return the options of a row; of columns of their own those that are not empty."""
    if len(columns) == 1:
        return parse_option_list(row.get(columns[0]))
    return [text for name in columns if (text := str(row.get(name) or "").strip())]


def parse_answer_index(answer: object, options: Sequence[str], first_index: int) -> int:
    """Return the index, from 0, of a right answer that is given by number, letter or its text; -1 for anything else."""
    if isinstance(answer, str):
        text = answer.strip()
        if text in options:
            return list(options).index(text)
        if re.fullmatch(r"\(?[A-Z]\)?\.?", text):
            return ord(text.strip("().")) - ord("A")
        if len(options) > 2 and re.fullmatch("[a-z]", text):
            return ord(text) - ord("a")
    # not isinstance: True is an int too
    is_number = type(answer) is int or (isinstance(answer, str) and answer.strip().isdecimal())
    return int(str(answer)) - first_index if is_number else -1


def guess_first_index(answers: Sequence[object], num_options: Sequence[int]) -> int:
    """Return the number of the first option: 1 where none is 0 and some are as large as the number of options."""
    numbers = [
        (int(str(answer)), count)
        for answer, count in zip(answers, num_options, strict=True)
        if str(answer).strip().isdecimal()
    ]
    if len(numbers) < MIN_ANSWERS or any(number == 0 for number, _ in numbers):
        return 0
    return int(any(number == count for number, count in numbers))


def split_blank(text: str) -> tuple[str, str] | None:
    """Return a text before and after its only blank; None where it has none, or several."""
    blanks = list(BLANK.finditer(text))
    return (text[: blanks[0].start()], text[blanks[0].end() :]) if len(blanks) == 1 else None


def _find_nested(names: Sequence[str], role: str) -> str:
    """Return the column with the usual name of a role, also as the field of an object: `question.stem`."""
    if name := find_by_name(list(names), role):
        return name
    return next((name for name in names if normalise_column(name.rpartition(".")[2]) in ALIASES[role]), "")


def _looks_like_answer(profile: ColumnProfile) -> bool:
    return profile.is_scalar and all(re.fullmatch(r"\(?[A-Ja-j]\)?|\d", text) for text in profile.texts)
