"""Gopher quality rules, appendix A.1.1 of arXiv:2112.11446."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio


class BulletLines(AtMost):
    """Drop documents that are little more than one list.

    Source: arXiv:2112.11446, A.1.1, removes "any document with more than 90% of lines starting with a bullet point".
    """

    max: float = Field(0.9, ge=0, le=1, description="greatest fraction of lines that start with a bullet")

    def score(self) -> pl.Expr:
        return compute_ratio("num_bullet_lines", "num_lines")
