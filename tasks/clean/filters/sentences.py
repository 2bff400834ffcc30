"""C4 rules, section 2.2 of Raffel et al., JMLR 21(140), 2020."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast


class Sentences(AtLeast):
    """Drop documents with few complete sentences.

    Source: C4, JMLR 21(140), 2.2, "discarded any page with fewer than 5 sentences", after removing every line that does
    not end in a terminal punctuation mark, has fewer than 3 words, or mentions JavaScript or policies. The score counts
    the sentences in the lines that C4 keeps. Off by default: reference pages have few.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    min: int = Field(5, ge=0, description="smallest number of sentences in the lines that C4 keeps")

    def score(self) -> pl.Expr:
        return pl.col("num_sentences")
