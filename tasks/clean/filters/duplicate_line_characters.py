"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.words import LINES, repeated_characters


class DuplicateLineCharacters(Filter):
    """Drop documents that repeat much of their text line by line.

    Source: arXiv:2112.11446, table A1, "duplicate line character fraction" above 0.20.
    """

    most: float = Field(
        0.2, ge=0, le=1, description="greatest share of characters in lines that repeat an earlier line"
    )

    def score(self) -> pl.Expr:
        return repeated_characters(LINES)

    def keeps(self, score: pl.Expr) -> pl.Expr:
        return score <= self.most
