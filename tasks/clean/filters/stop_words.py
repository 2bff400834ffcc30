"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.words import TEXT

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class StopWords(Filter):
    """Drop English documents without the little words that every sentence needs.

    Source: arXiv:2112.11446, A.1.1, removes documents "that do not contain at least two of the following English
    words: the, be, to, of, and, that, have, with". Documents in other languages score NaN and stay.
    """

    fewest: int = Field(2, ge=0, le=len(STOP_WORDS), description="fewest different stop words")

    def score(self) -> pl.Expr:
        found = pl.sum_horizontal(TEXT.contains(rf"(?i)\b{word}\b").cast(pl.UInt8) for word in STOP_WORDS)
        return pl.when(pl.col("language") == "en").then(found).otherwise(float("nan"))

    def keeps(self, score: pl.Expr) -> pl.Expr:
        return score.is_nan() | (score >= self.fewest)
