"""Rules for Chinese, after ChineseWebText, arXiv:2311.01149."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Between, share


class ChinesePunctuation(Between):
    """Drop Chinese documents without punctuation, or of little else.

    Source: the bounds are Textmill's own. Of 4,000 articles of the Chinese Wikipedia 99.8 % lie between 0.04 and 0.25;
    lists of keywords have no marks, tables of contents little else. Documents in other languages score NaN and stay.
    """

    fewest: float = Field(0.01, ge=0, le=1, description="smallest share of characters that are punctuation")
    most: float = Field(0.4, ge=0, le=1, description="greatest share of characters that are punctuation")

    def score(self) -> pl.Expr:
        found = share("num_punctuation", pl.col("num_characters") - pl.col("num_spaces"))
        return pl.when(pl.col("language") == "zh").then(found).otherwise(float("nan"))
