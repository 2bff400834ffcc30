"""C4 rules, section 2.2 of Raffel et al., JMLR 21(140), 2020."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class BadLines(AtMost):
    """Drop documents when C4 would remove most of their lines.

    Source: C4, JMLR 21(140), 2.2, removes lines without terminal punctuation, of fewer than 3 words, with the word
    JavaScript or with phrases of policies; the limit on their fraction is Textmill's own. Off by default: headings and
    lists are such lines. The setting
    `clean.remove_bad_lines` removes the lines themselves.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: float = Field(0.8, ge=0, le=1, description="greatest fraction of lines that C4 would remove")

    def score(self) -> pl.Expr:
        return compute_ratio("num_bad_lines", "num_lines")
