"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class DuplicateParagraphs(AtMost):
    """Drop documents that repeat their paragraphs.

    Source: arXiv:2112.11446, table A1, "duplicate paragraph fraction" above 0.30.
    """

    max: float = Field(0.3, ge=0, le=1, description="greatest fraction of paragraphs that repeat an earlier one")

    def score(self) -> pl.Expr:
        return compute_ratio("num_duplicate_paragraphs", "num_paragraphs")
