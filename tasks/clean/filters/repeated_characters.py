"""Rules for Chinese, after ChineseWebText, arXiv:2311.01149."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, share


class RepeatedCharacters(AtMost):
    """Drop documents in scripts without spaces that repeat themselves.

    Source: ChineseWebText, arXiv:2311.01149, 3.2, removes texts when over 50 % of their 13-grams of characters
    occur more than once. A document whose words are mostly between spaces scores NaN: Gopher's n-grams are for it.
    """

    most: float = Field(0.5, ge=0, le=1, description="greatest share of 13-grams of characters that occur again")

    def score(self) -> pl.Expr:
        unspaced = 2 * pl.col("num_unspaced") > pl.col("num_words")
        found = share("num_repeated_characters", "num_character_ngrams")
        return pl.when(unspaced).then(found).otherwise(float("nan"))
