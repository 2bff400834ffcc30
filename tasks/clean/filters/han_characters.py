"""Rules for Chinese, after ChineseWebText, arXiv:2311.01149."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast, compute_ratio


class HanCharacters(AtLeast):
    """Drop Chinese documents with few Chinese characters.

    Source: ChineseWebText, arXiv:2311.01149, 3.2, removes texts with less than 30 % Chinese characters. Documents in
    other languages score NaN and are kept.
    """

    min: float = Field(0.3, ge=0, le=1, description="smallest fraction of characters that are Han")

    def score(self) -> pl.Expr:
        ratio = compute_ratio("num_han", pl.col("num_characters") - pl.col("num_spaces"))
        return pl.when(pl.col("language") == "zh").then(ratio).otherwise(float("nan"))
