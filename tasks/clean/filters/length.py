"""Length in characters."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.words import NUM_CHARACTERS


class Length(Filter):
    """Drop documents of too few or too many characters.

    Source: the bounds are Textmill's own. Below 100 characters there is a heading and a menu, above a million a
    dump or a list; mT5 (arXiv:2010.11934, 3.2) asks for three lines of 200 characters, which no glossary has.
    """

    fewest: int = Field(100, ge=0, description="fewest characters")
    most: int = Field(1_000_000, ge=1, description="most characters")

    def score(self) -> pl.Expr:
        return NUM_CHARACTERS

    def keeps(self, score: pl.Expr) -> pl.Expr:
        return score.is_between(self.fewest, self.most)
