"""Rules for Chinese, after ChineseWebText, arXiv:2311.01149."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class RepeatedCharacters(AtMost):
    """Drop documents in scripts without spaces that repeat themselves.

    Source: ChineseWebText, arXiv:2311.01149, 3.2, removes texts when over 50 % of their 13-grams of characters
    occur more than once. A document whose words are mostly between spaces scores NaN and is kept: Gopher's
    n-gram rules apply to it.
    """

    max: float = Field(
        0.5, ge=0, le=1, description="greatest fraction of 13-grams of characters that occur more than once, 0 to 1"
    )

    def score(self) -> pl.Expr:
        unspaced = 2 * pl.col("num_unspaced") > pl.col("num_words")
        ratio = compute_ratio("num_repeated_characters", "num_character_ngrams")
        return pl.when(unspaced).then(ratio).otherwise(float("nan"))
