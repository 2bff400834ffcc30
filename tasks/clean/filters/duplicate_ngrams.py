"""Gopher repetition rules, table A1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio

LIMITS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


class DuplicateNgrams(AtMost):
    """Drop documents that repeat runs of five to ten words.

    Source: arXiv:2112.11446, table A1, "duplicate n-gram character fraction" above 0.15, 0.14, 0.13, 0.12, 0.11 and
    0.10 for n = 5 to 10. The score is the greatest of the six as a multiple of its limit. Off by default: references
    repeat signatures.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: float = Field(1.0, ge=0, description="greatest multiple of the table's limits")

    def score(self) -> pl.Expr:
        ratios = [
            compute_ratio(f"num_duplicate_{size}_gram_characters", "num_characters") / limit
            for size, limit in LIMITS.items()
        ]
        return pl.max_horizontal(ratios)
