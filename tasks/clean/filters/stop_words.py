"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast


class StopWords(AtLeast):
    """Drop English documents with too few different stop words.

    Source: arXiv:2112.11446, A.1.1, removes documents "that do not contain at least two of the following English
    words: the, be, to, of, and, that, have, with". Documents in other languages score NaN and are kept.
    """

    min: int = Field(2, ge=0, le=8, description="smallest number of different stop words")

    def score(self) -> pl.Expr:
        return pl.when(pl.col("language") == "en").then(pl.col("num_stop_words")).otherwise(float("nan"))
