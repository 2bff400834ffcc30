"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class DuplicateLines(AtMost):
    """Drop documents that repeat their lines.

    Source: arXiv:2112.11446, table A1, "duplicate line fraction" above 0.30.
    """

    max: float = Field(0.3, ge=0, le=1, description="greatest fraction of lines that repeat an earlier line")

    def score(self) -> pl.Expr:
        return compute_ratio("num_duplicate_lines", "num_lines")
