"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast, compute_ratio


class AlphabeticWords(AtLeast):
    """Drop documents that are mostly numbers and signs.

    Source: arXiv:2112.11446, A.1.1, requires "that 80% of words in a document contain at least one alphabetic
    character". Letters of every script count.
    """

    min: float = Field(0.8, ge=0, le=1, description="smallest fraction of words with a letter, 0 to 1")

    def score(self) -> pl.Expr:
        return compute_ratio("num_alphabetic", "num_words")
