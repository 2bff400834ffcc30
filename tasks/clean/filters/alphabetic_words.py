"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast, share


class AlphabeticWords(AtLeast):
    """Drop documents of numbers and signs.

    Source: arXiv:2112.11446, A.1.1, requires "that 80% of words in a document contain at least one alphabetic
    character". Letters of every script count.
    """

    fewest: float = Field(0.8, ge=0, le=1, description="smallest share of words with a letter")

    def score(self) -> pl.Expr:
        return share("num_alphabetic", "num_words")
