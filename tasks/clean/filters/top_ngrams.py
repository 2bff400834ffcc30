"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio

LIMITS = {2: 0.20, 3: 0.18, 4: 0.16}


class TopNgrams(AtMost):
    """Drop documents in which one phrase of two to four words makes up much of the text.

    Source: arXiv:2112.11446, table A1, "top n-gram character fraction" above 0.20, 0.18 and 0.16 for n = 2, 3 and 4.
    The score is the greatest of the three as a multiple of its limit. Off by default: references repeat names.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: float = Field(1.0, ge=0, description="greatest multiple of the table's limits")

    def score(self) -> pl.Expr:
        ratios = [
            compute_ratio(f"num_top_{size}_gram_characters", "num_characters") / limit for size, limit in LIMITS.items()
        ]
        return pl.max_horizontal(ratios)
