"""Gopher's repetition rules at their thresholds."""

import pytest

from tasks.clean.filters.duplicate_line_characters import DuplicateLineCharacters
from tasks.clean.filters.duplicate_lines import DuplicateLines
from tasks.clean.filters.duplicate_paragraph_characters import DuplicateParagraphCharacters
from tasks.clean.filters.duplicate_paragraphs import DuplicateParagraphs
from tests.clean.filters.judge import keep_texts, score_texts

LINES = [f"Boat number {number} left the pier at dawn." for number in range(10)]


def test_duplicate_lines() -> None:
    three_of_ten_repeat = [*LINES[:7], *LINES[:3]]
    four_of_ten_repeat = [*LINES[:6], *LINES[:4]]

    assert keep_texts(DuplicateLines(), "\n".join(three_of_ten_repeat)) == [True]
    assert keep_texts(DuplicateLines(), "\n\n".join(three_of_ten_repeat)) == [True]
    assert keep_texts(DuplicateLines(), "\n".join(four_of_ten_repeat)) == [False]


def test_duplicate_paragraphs_are_not_lines() -> None:
    same_lines = "\n".join([LINES[0]] * 8)
    assert score_texts(DuplicateParagraphs(), same_lines) == [0]
    assert keep_texts(DuplicateParagraphs(), "\n\n".join([*LINES[:7], *LINES[:3]])) == [True]
    assert keep_texts(DuplicateParagraphs(), "\n\n".join([*LINES[:6], *LINES[:4]])) == [False]


@pytest.mark.parametrize(
    ("block", "between"), [(DuplicateLineCharacters(), "\n"), (DuplicateParagraphCharacters(), "\n\n")]
)
def test_duplicate_characters_weigh_by_length(block, between: str) -> None:
    short_ones_repeat = between.join(["long " * 10, "a", "a", "a"])
    a_fifth_repeats = between.join(["x" * 20, "y" * 20, "z" * 40, "x" * 20])
    more_than_a_fifth_repeats = between.join(["x" * 21, "y" * 20, "z" * 40, "x" * 21])

    assert score_texts(block, short_ones_repeat)[0] < 0.05
    assert keep_texts(block, a_fifth_repeats) == [True]
    assert keep_texts(block, more_than_a_fifth_repeats) == [False]
