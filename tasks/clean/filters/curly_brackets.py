"""C4 rules, section 2.2 of Raffel et al., JMLR 21(140), 2020."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost


class CurlyBrackets(AtMost):
    """Drop documents with program code in their sentences.

    Source: C4, JMLR 21(140), 2.2, removed "any pages that contained a curly bracket", as a sign of program code. As in
    C4's code, only lines that end like sentences are searched. Off by default: documentation has code.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: int = Field(0, ge=0, description="greatest number of lines with an opening curly bracket")

    def score(self) -> pl.Expr:
        return pl.col("num_curly_lines")
