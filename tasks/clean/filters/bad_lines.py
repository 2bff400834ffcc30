"""C4 rules, section 2.2 of Raffel et al., JMLR 21(140), 2020."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, share


class BadLines(AtMost):
    """Drop documents most of whose lines C4 would remove.

    Source: C4, JMLR 21(140), 2.2, removes lines without terminal punctuation, of fewer than 3 words, with the word
    JavaScript or with phrases of policies; the limit on their share is Textmill's own. Off by default: headings and
    lists are such lines. `bad_lines` of the clean stage removes the lines themselves.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    most: float = Field(0.8, ge=0, le=1, description="greatest share of lines that C4 would remove")

    def score(self) -> pl.Expr:
        return share("num_bad_lines", "num_lines")
