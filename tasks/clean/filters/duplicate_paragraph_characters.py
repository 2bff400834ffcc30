"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.words import PARAGRAPHS, repeated_characters


class DuplicateParagraphCharacters(Filter):
    """Drop documents that repeat much of their text paragraph by paragraph.

    Source: arXiv:2112.11446, table A1, "duplicate paragraph character fraction" above 0.20.
    """

    most: float = Field(
        0.2, ge=0, le=1, description="greatest share of characters in paragraphs that repeat an earlier one"
    )

    def score(self) -> pl.Expr:
        return repeated_characters(PARAGRAPHS)

    def keeps(self, score: pl.Expr) -> pl.Expr:
        return score <= self.most
