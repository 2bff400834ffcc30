"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class SymbolRatio(AtMost):
    """Drop documents with many hash signs or ellipses for their number of words.

    Source: arXiv:2112.11446, A.1.1, removes "any document with a symbol-to-word ratio greater than 0.1 for either the
    hash symbol or the ellipsis". The score is the greater of the two ratios.
    """

    max: float = Field(0.1, ge=0, description="greatest number of hash signs, or ellipses, for each word")

    def score(self) -> pl.Expr:
        return compute_ratio(pl.max_horizontal("num_hashes", "num_ellipses"), "num_words")
