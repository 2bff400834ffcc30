"""FineWeb rules, section 3.6 of arXiv:2406.17557."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast, compute_ratio


class LinePunctuation(AtLeast):
    """Drop documents with few lines that end like a sentence.

    Source: FineWeb, arXiv:2406.17557, 3.6, removes documents where "the fraction of lines ending with punctuation" is
    0.12 or less (its code: less than 0.12). Punctuation is what Unicode says may end a sentence
    (Sentence_Terminal). Off by default: reference pages are lists of names.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    min: float = Field(0.12, ge=0, le=1, description="smallest fraction of lines that end in punctuation")

    def score(self) -> pl.Expr:
        return compute_ratio("num_terminal_lines", "num_lines")
