"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class EllipsisLines(AtMost):
    """Drop documents of teasers, whose lines break off in an ellipsis.

    Source: arXiv:2112.11446, A.1.1, removes any document with "more than 30% [of lines] ending with an ellipsis".
    """

    max: float = Field(0.3, ge=0, le=1, description="greatest fraction of lines that end in an ellipsis")

    def score(self) -> pl.Expr:
        return compute_ratio("num_ellipsis_lines", "num_lines")
