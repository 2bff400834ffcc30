"""Length in characters."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Between


class Length(Between):
    """Drop documents of too few or too many characters.

    Source: the bounds are Textmill's own. Below 100 characters there is only a heading and a menu, above
    a million a dump or a list; mT5 (arXiv:2010.11934, 3.2) asks for three lines of 200 characters, which no glossary
    has.
    """

    min: int = Field(100, ge=0, description="smallest number of characters")
    max: int = Field(1_000_000, ge=1, description="greatest number of characters")

    def score(self) -> pl.Expr:
        return pl.col("num_characters")
