"""Language, as detected by fastText's lid.176."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter


class Language(Filter):
    """Drop documents in other languages than those listed, and those whose language is uncertain.

    Source: FineWeb (arXiv:2406.17557, section 3) keeps English with a fastText score of at least 0.65. That suits a
    crawl of everything. Of technical pages, half code or of two languages, it drops half of the API references and a
    tenth of a handbook, so the default is lower.
    """

    languages: list[str] = Field(
        [], description="ISO 639-1 codes to keep, such as en and zh; an empty list keeps all languages"
    )
    min_confidence: float = Field(0.3, ge=0, le=1, description="smallest score of the language detector, 0 to 1")

    def score(self) -> pl.Expr:
        return pl.col("language_score")

    def margin(self, score: pl.Expr) -> pl.Expr:
        return score - self.min_confidence

    @property
    def bounds(self) -> str:
        return f"at least {self.min_confidence}" + (f", in {', '.join(self.languages)}" if self.languages else "")

    def keeps(self, score: pl.Expr) -> pl.Expr:
        is_listed = pl.col("language").is_in(self.languages) if self.languages else pl.lit(value=True)
        return is_listed & super().keeps(score)
