"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.words import NUM_LINES, TEXT, share


class EllipsisLines(Filter):
    """Drop documents of teasers: lines that break off.

    Source: arXiv:2112.11446, A.1.1, removes any document with "more than 30% [of lines] ending with an ellipsis".
    """

    most: float = Field(0.3, ge=0, le=1, description="greatest share of lines that end in an ellipsis")

    def score(self) -> pl.Expr:
        return share(TEXT.count_matches(r"(?m)(?:\.\.\.|…)$"), NUM_LINES)

    def keeps(self, score: pl.Expr) -> pl.Expr:
        return score <= self.most
