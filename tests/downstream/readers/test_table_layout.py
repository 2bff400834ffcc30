"""The sign between columns, the header, and the columns of tables are guessed, or refused with the setting."""

from typing import Any

import pytest

from tasks.downstream.readers.choices import find_choice_columns, guess_first_index, parse_option_list, split_blank
from tasks.downstream.readers.column_roles import (
    TextRoles,
    guess_number_roles,
    guess_source_and_target,
    guess_text_roles,
)
from tasks.errors import BadSetting
from tasks.input_files.labelled_texts import guess_line_layout
from tasks.input_files.table_layout import TableLayout, guess_layout, split_rows

TEXTS = [f"We saw, on day {number}, a ship come home." for number in range(24)]


def make_rows(**columns: Any) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize(
    ("lines", "suffix", "layout"),
    [
        ([f"{text}\t{n % 2}" for n, text in enumerate(TEXTS)], ".tsv", TableLayout("\t", False, False)),
        (
            ["text\tlabel", *(f"{text}\t{n % 2}" for n, text in enumerate(TEXTS))],
            ".txt",
            TableLayout("\t", False, True),
        ),
        (["alpha;omega", *(f"{text};{n % 2}" for n, text in enumerate(TEXTS))], ".csv", TableLayout(";", True, True)),
        ([f"{'ab'[n % 2]}|{text}" for n, text in enumerate(TEXTS)], ".txt", TableLayout("|", True, False)),
        ([f'"{text}",{n % 2}' for n, text in enumerate(TEXTS)], ".csv", TableLayout(",", True, False)),
        ([f"{text} ||| {text[::-1]}" for text in TEXTS], ".txt", TableLayout(" ||| ", False, False)),
        (TEXTS, ".txt", TableLayout("", False, False)),
    ],
)
def test_layouts_are_guessed(lines: list[str], suffix: str, layout: TableLayout) -> None:
    assert guess_layout("\n".join(lines) + "\n", suffix) == layout


def test_a_class_above_its_column_is_no_header() -> None:
    rows = "".join(f"{'good' if n % 2 else 'bad'}\t{text}\n" for n, text in enumerate(TEXTS))
    assert not guess_layout(rows, ".tsv").header
    assert guess_layout("mood\tsaid\n" + rows, ".tsv").header


def test_quotes_belong_to_the_text_of_a_tsv_unless_they_hold_its_signs() -> None:
    unbalanced = '"a\tx\nb"\ty\n' * 5
    assert not guess_layout(unbalanced, ".tsv").quoted
    multiline = '"a\nb"\t"x"\n' * 5
    layout = guess_layout(multiline, ".tsv")
    assert layout.quoted
    assert split_rows(multiline, layout.delimiter, quoted=True)[0] == ["a\nb", "x"]


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"id": range(24), "sentence": TEXTS, "label": "xy" * 12}, TextRoles("sentence", "", "label")),
        ({"premise": TEXTS, "hypothesis": TEXTS, "gold": "xy" * 12}, TextRoles("premise", "hypothesis", "gold")),
        ({"text_a": TEXTS, "text_b": TEXTS[::-1], "y": [0, 1] * 12}, TextRoles("text_a", "text_b", "y")),
        ({"0": "ab" * 12, "1": TEXTS}, TextRoles("1", "", "0")),
        (
            {"url": [f"http://x/{n}" for n in range(24)], "body": TEXTS, "kind": "xy" * 12},
            TextRoles("body", "", "kind"),
        ),
    ],
)
def test_columns_of_texts_and_labels(columns: dict[str, Any], roles: TextRoles) -> None:
    assert guess_text_roles(make_rows(**columns), "a.csv") == roles


@pytest.mark.parametrize(
    ("columns", "setting"),
    [
        ({"alpha": TEXTS, "beta": "xy" * 12, "gamma": "pqr" * 8}, "columns.label"),
        ({"alpha": TEXTS, "beta": TEXTS[::-1], "label": "xy" * 12}, "columns.text"),
        ({"alpha": TEXTS}, "columns.label"),
    ],
)
def test_what_is_ambiguous_is_refused_with_its_setting(columns: dict[str, Any], setting: str) -> None:
    with pytest.raises(BadSetting, match=f"it is not clear which column.*Set {setting} to one of them"):
        guess_text_roles(make_rows(**columns), "a.csv")


def test_numbers_and_texts_to_write() -> None:
    pairs = {"s1": TEXTS, "s2": TEXTS[::-1], "similarity": [n / 7 for n in range(24)]}
    assert guess_number_roles(make_rows(**pairs), "a.csv") == TextRoles("s1", "s2", "similarity")
    documents = {"id": range(24), "article": TEXTS, "highlights": TEXTS[::-1]}
    assert guess_source_and_target(make_rows(**documents), "a.csv") == ("article", "highlights")
    assert guess_source_and_target(make_rows(**{"0": TEXTS, "1": TEXTS[::-1]}), "a.tsv") == ("0", "1")


@pytest.mark.parametrize(
    ("lines", "layout"),
    [
        ([f"__label__{'ab'[n % 2]} {text}" for n, text in enumerate(TEXTS)], "fasttext"),
        ([f"{'ab'[n % 2]}:x {text}" for n, text in enumerate(TEXTS)], "first"),
        ([f"{n % 2} On {text}" for n, text in enumerate(TEXTS)], "first"),
        ([f"{text} {'ab'[n % 2]}" for n, text in enumerate([f"{n} {text}" for n, text in enumerate(TEXTS)])], "last"),
        ([f"{n} {text} {n}" for n, text in enumerate(TEXTS)], ""),
    ],
)
def test_lines_with_a_label(lines: list[str], layout: str) -> None:
    assert guess_line_layout(lines) == layout


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"question": "?", "choices": ["p", "q"], "answer": 1}, ("question", ("choices",), "answer")),
        ({"prompt": "?", "A": "p", "B": "q", "answer": "B"}, ("prompt", ("A", "B"), "answer")),
        ({"premise": "?", "choice1": "p", "choice2": "q", "label": 1}, ("premise", ("choice1", "choice2"), "label")),
        (
            {"question": {"stem": "?"}, "question.stem": "Why?", "question.choices": [{"text": "p"}, {"text": "q"}],
             "answerKey": "A"},
            ("question.stem", ("question.choices",), "answerKey"),
        ),
    ],
)  # fmt: skip
def test_columns_of_questions_with_options(row: dict[str, Any], columns: tuple[Any, ...]) -> None:
    assert find_choice_columns([row] * 5, "", "", "") == columns


def test_options_and_blanks_in_their_forms() -> None:
    assert parse_option_list({"text": ["p", "q"], "label": ["A", "B"]}) == ["p", "q"]
    assert parse_option_list("['p', 'q']") == ["p", "q"]
    assert parse_option_list("a text") == []
    assert split_blank("他#idiom#地看") == ("他", "地看")
    assert split_blank("The cup fell because the _ was wet") == ("The cup fell because the ", " was wet")
    assert split_blank("a _ b _") is None
    assert guess_first_index([1, 2, 3] * 5, [3] * 15) == 1
    assert guess_first_index([1, 2] * 5, [3] * 10) == 0
    assert guess_first_index([0, 1, 2] * 5, [3] * 15) == 0
