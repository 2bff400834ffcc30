"""Tables in Markdown hold whatever text they are given."""

import pytest

from tasks.runtime.markdown import render_markdown_table


def test_the_first_column_stands_left_and_numbers_right() -> None:
    table = render_markdown_table(("word", "count", "share"), [("a", 12345, "50.0%"), ("b", -1, "")])
    assert table.splitlines() == [
        "| word | count | share |",
        "| --- | ---: | ---: |",
        "| a | 12,345 | 50.0% |",
        "| b | -1 |  |",
    ]


@pytest.mark.parametrize(
    ("alignment", "rule"),
    [("l", "| --- | --- | --- |"), ("rl", "| ---: | --- | --- |"), ("lrlr", "| --- | ---: | --- |")],
)
def test_the_last_letter_aligns_all_further_columns(alignment: str, rule: str) -> None:
    assert render_markdown_table(("a", "b", "c"), [], alignment=alignment).splitlines()[1] == rule


def test_no_text_adds_a_cell_or_a_row() -> None:
    table = render_markdown_table(("a|b",), [("c | d\ne",)])
    assert table.splitlines() == [r"| a\|b |", "| --- |", r"| c \| d e |"]
