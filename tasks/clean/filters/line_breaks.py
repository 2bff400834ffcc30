"""FineWeb rules, section 3.6 of arXiv:2406.17557."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class LineBreaks(AtMost):
    """Drop documents that are lists of a few words each.

    Source: FineWeb's code (`FineWebQualityFilter` of datatrove, `list_ratio`) removes documents with more than 0.3
    line breaks for each word; the paper (arXiv:2406.17557) does not mention it. Off by default: reference pages are
    lists of names.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: float = Field(0.3, ge=0, description="greatest number of line breaks for each word")

    def score(self) -> pl.Expr:
        return compute_ratio("num_line_breaks", "num_words")
