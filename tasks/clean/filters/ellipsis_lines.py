"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, share


class EllipsisLines(AtMost):
    """Drop documents of teasers: lines that break off.

    Source: arXiv:2112.11446, A.1.1, removes any document with "more than 30% [of lines] ending with an ellipsis".
    """

    most: float = Field(0.3, ge=0, le=1, description="greatest share of lines that end in an ellipsis")

    def score(self) -> pl.Expr:
        return share("num_ellipsis_lines", "num_lines")
