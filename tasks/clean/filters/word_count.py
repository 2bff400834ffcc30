"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Between


class WordCount(Between):
    """Drop documents of too few or too many words.

    Source: arXiv:2112.11446, A.1.1, removes "any document that does not contain between 50 and 100,000 words".
    A code point of a script without spaces counts as a word, and a lone dash or bullet as none.
    """

    min: int = Field(50, ge=0, description="smallest number of words")
    max: int = Field(100_000, ge=1, description="greatest number of words")

    def score(self) -> pl.Expr:
        return pl.col("num_words") - pl.col("num_symbols")
