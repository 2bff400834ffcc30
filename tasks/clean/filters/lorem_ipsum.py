"""C4 rules, section 2.2 of Raffel et al., JMLR 21(140), 2020."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost


class LoremIpsum(AtMost):
    """Drop documents of placeholder text.

    Source: C4, JMLR 21(140), 2.2, removed "any page where the phrase 'lorem ipsum' appeared". As in C4's code, only
    lines that end like sentences are searched, so a page about web design may name it.
    """

    max: int = Field(0, ge=0, description="greatest number of lines with the phrase")

    def score(self) -> pl.Expr:
        return pl.col("num_lorem_ipsum")
