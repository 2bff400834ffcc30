"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.words import NUM_CHARACTERS, NUM_UNSPACED, NUM_WORDS, TEXT, share

NUM_SPACES = TEXT.count_matches(" ", literal=True) + TEXT.count_matches("\n", literal=True)


class MeanWordLength(Filter):
    """Drop documents whose words are too short or too long on average.

    Source: arXiv:2112.11446, A.1.1, removes documents "whose mean word length is outside the range of 3 to 10
    characters". The rule is about words between spaces: a document whose words are mostly code points of a script
    without spaces scores NaN and stays.
    """

    fewest: float = Field(3.0, ge=0, description="fewest characters a word, on average")
    most: float = Field(10.0, ge=1, description="most characters a word, on average")

    def score(self) -> pl.Expr:
        num_spaced = NUM_WORDS - NUM_UNSPACED
        length = share(NUM_CHARACTERS - NUM_SPACES - NUM_UNSPACED, num_spaced)
        return pl.when(num_spaced < NUM_UNSPACED).then(float("nan")).otherwise(length)

    def keeps(self, score: pl.Expr) -> pl.Expr:
        return score.is_nan() | score.is_between(self.fewest, self.most)
