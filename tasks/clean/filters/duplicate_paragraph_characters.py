"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class DuplicateParagraphCharacters(AtMost):
    """Drop documents that repeat much of their text paragraph by paragraph.

    Source: arXiv:2112.11446, table A1, "duplicate paragraph character fraction" above 0.20.
    """

    max: float = Field(
        0.2, ge=0, le=1, description="greatest fraction of characters in paragraphs that repeat an earlier one"
    )

    def score(self) -> pl.Expr:
        return compute_ratio("num_duplicate_paragraph_characters", pl.col("num_characters") - pl.col("num_line_breaks"))
