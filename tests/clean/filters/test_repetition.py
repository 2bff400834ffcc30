"""Gopher's repetition rules at their thresholds."""

import pytest

from tasks.clean.filters.duplicate_line_characters import DuplicateLineCharacters
from tasks.clean.filters.duplicate_lines import DuplicateLines
from tasks.clean.filters.duplicate_paragraph_characters import DuplicateParagraphCharacters
from tasks.clean.filters.duplicate_paragraphs import DuplicateParagraphs
from tests.clean.filters.judge import keep_texts, score_texts

LINES = [f"Boat number {number} left the pier at dawn." for number in range(10)]


def test_duplicate_lines() -> None:
    seven, six = [*LINES[:7], *LINES[:3]], [*LINES[:6], *LINES[:4]]
    assert keep_texts(DuplicateLines(), "\n".join(seven), "\n\n".join(seven), "\n".join(six)) == [True, True, False]


def test_duplicate_paragraphs_are_not_lines() -> None:
    same_lines = "\n".join([LINES[0]] * 8)
    assert score_texts(DuplicateParagraphs(), same_lines) == [0]
    assert keep_texts(DuplicateParagraphs(), "\n\n".join([*LINES[:7], *LINES[:3]])) == [True]
    assert keep_texts(DuplicateParagraphs(), "\n\n".join([*LINES[:6], *LINES[:4]])) == [False]


@pytest.mark.parametrize(
    ("block", "between"), [(DuplicateLineCharacters(), "\n"), (DuplicateParagraphCharacters(), "\n\n")]
)
def test_duplicate_characters_weigh_by_length(block, between: str) -> None:
    assert score_texts(block, between.join(["long " * 10, "a", "a", "a"]))[0] < 0.05
    assert keep_texts(block, between.join(["x" * 20, "y" * 20, "z" * 40, "x" * 20])) == [True]
    assert keep_texts(block, between.join(["x" * 21, "y" * 20, "z" * 40, "x" * 21])) == [False]
