"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, share

LIMITS = {2: 0.20, 3: 0.18, 4: 0.16}


class TopNgrams(AtMost):
    """Drop documents in which one phrase of two to four words stands again and again.

    Source: arXiv:2112.11446, table A1, "top n-gram character fraction" above 0.20, 0.18 and 0.16 for n = 2, 3 and 4.
    The score is the greatest of the three as a multiple of its limit. Off by default: references repeat names.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    most: float = Field(1.0, ge=0, description="how many times the limits of the table may be reached")

    def score(self) -> pl.Expr:
        shares = [share(f"num_top_{size}_gram_characters", "num_characters") / limit for size, limit in LIMITS.items()]
        return pl.max_horizontal(shares)
