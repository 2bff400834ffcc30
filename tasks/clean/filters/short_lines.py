"""FineWeb rules, section 3.6 of arXiv:2406.17557."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class ShortLines(AtMost):
    """Drop documents of headings, names and menu entries.

    Source: FineWeb, arXiv:2406.17557, 3.6, removes documents where "the fraction of lines shorter than 30 characters"
    is 0.67 or more (its code: at most 30 characters, more than 0.67). Off by default: reference pages are lists of
    names.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: float = Field(0.67, ge=0, le=1, description="greatest fraction of lines of at most 30 characters")

    def score(self) -> pl.Expr:
        return compute_ratio("num_short_lines", "num_lines")
