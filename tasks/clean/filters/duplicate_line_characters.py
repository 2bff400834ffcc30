"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class DuplicateLineCharacters(AtMost):
    """Drop documents that repeat much of their text line by line.

    Source: arXiv:2112.11446, table A1, "duplicate line character fraction" above 0.20. FineWeb is stricter:
    arXiv:2406.17557 says 0.1 in section 3.6 and 0.01 in table 2 of its appendix, and its code takes 0.01.
    """

    max: float = Field(
        0.2, ge=0, le=1, description="greatest fraction of characters in lines that repeat an earlier line"
    )

    def score(self) -> pl.Expr:
        return compute_ratio("num_duplicate_line_characters", pl.col("num_characters") - pl.col("num_line_breaks"))
