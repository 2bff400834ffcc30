"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Between, compute_ratio


class MeanWordLength(Between):
    """Drop documents whose words are too short or too long on average.

    Source: arXiv:2112.11446, A.1.1, removes documents "whose mean word length is outside the range of 3 to 10
    characters". The rule is about words between spaces: a document whose words are mostly code points of a script
    without spaces scores NaN and is kept.
    """

    min: float = Field(3.0, ge=0, description="smallest mean number of characters in a word")
    max: float = Field(10.0, ge=1, description="greatest mean number of characters in a word")

    def score(self) -> pl.Expr:
        unspaced = pl.col("num_unspaced")
        spaced = pl.col("num_words") - pl.col("num_symbols") - unspaced
        return pl.when(spaced >= unspaced).then(compute_ratio("num_spaced_characters", spaced)).otherwise(float("nan"))
