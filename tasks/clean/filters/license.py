"""The licence a page declares for itself."""

import re

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter


class License(Filter):
    """Drop documents that do not declare one of the accepted licences.

    Source: The Common Pile (arXiv:2506.05209) and C4Corpus (Habernal et al., LREC 2016) keep web pages by the Creative
    Commons licence they declare. Names are those of the column `license`: CC-BY-4.0, CC-BY-SA-3.0, CC0-1.0, or an
    address.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    licenses: list[str] = Field(
        ["CC0*", "PDM*", "CC-BY-[0-9]*", "CC-BY-SA-[0-9]*"],
        description="accepted names; * stands for anything, [0-9] for a digit",
    )
    undeclared: bool = Field(default=False, description="also keep documents that declare no licence, or several")

    def score(self) -> pl.Expr:
        return pl.col("license").is_not_null()

    def margin(self, score: pl.Expr) -> pl.Expr:
        return score * float("nan")  # a licence is accepted or not: no score is nearer to the bound

    @property
    def bounds(self) -> str:
        return ", ".join([*self.licenses, *(["none"] if self.undeclared else [])])

    def keeps(self, score: pl.Expr) -> pl.Expr:  # noqa: ARG002 - the column itself decides
        names = "|".join(re.escape(name).replace(r"\*", ".*").replace(r"\[0\-9\]", "[0-9]") for name in self.licenses)
        return pl.col("license").str.contains(f"(?i)^(?:{names})$").fill_null(value=self.undeclared)
