"""The filters: one file each. A filter scores a document in extract, and keeps or drops it in clean.

Most rules have one of three shapes, with bounds that are settings: `AtMost`, `AtLeast` and `Between`. Files that begin
with an underscore are helpers, not filters.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import polars as pl

from tasks.block import Block
from tasks.store import Draft

SCORE_PREFIX = "score_"  # a filter's scores are in the column SCORE_PREFIX + kind


class Filter(Block, ABC):
    """One rule: it scores every document, and decides which scores are kept."""

    score_fields: ClassVar[frozenset[str]] = frozenset()
    """The fields that change the score. A change of any other field does not repeat the extraction."""
    scored_in_clean: ClassVar[bool] = False
    """True when clean takes the score, not extract: for rules that read files which may change."""

    enabled: bool = True
    """whether this rule may drop documents"""

    @abstractmethod
    def score(self) -> pl.Expr:
        """Return the score, an expression over a document's columns and counts.

        The columns are those of `extract.documents.DOCUMENT_SCHEMA`, the counts those of `measures.measures.MEASURES`.
        Never null; NaN when the rule does not apply to the document, which is then kept.
        """

    @abstractmethod
    def margin(self, score: pl.Expr) -> pl.Expr:
        """Return the distance of a float32 score from the nearest bound, negative outside the bounds."""

    @property
    @abstractmethod
    def bounds(self) -> str:
        """The kept scores, in words for summaries."""

    def keeps(self, score: pl.Expr) -> pl.Expr:
        """Return True for the documents to keep; other columns of the document may be used."""
        return score.is_nan() | (self.margin(score) >= 0)

    def prepare(self, draft: Draft) -> Self:  # noqa: ARG002 - for filters that train first
        """Return this filter ready to score; what it learns first is stored in the draft. Raises StageFailure."""
        return self


class AtMost(Filter, ABC):
    """Drop documents with a score above `max`."""

    max: float

    def margin(self, score: pl.Expr) -> pl.Expr:
        return self.max - score

    @property
    def bounds(self) -> str:
        return f"at most {self.max:,}"


class AtLeast(Filter, ABC):
    """Drop documents with a score below `min`."""

    min: float

    def margin(self, score: pl.Expr) -> pl.Expr:
        return score - self.min

    @property
    def bounds(self) -> str:
        return f"at least {self.min:,}"


class Between(Filter, ABC):
    """Drop documents with a score below `min` or above `max`."""

    min: float
    max: float

    def margin(self, score: pl.Expr) -> pl.Expr:
        return pl.min_horizontal(score - self.min, self.max - score)

    @property
    def bounds(self) -> str:
        return f"{self.min:,} to {self.max:,}"


def compute_ratio(part: str | pl.Expr, whole: str | pl.Expr) -> pl.Expr:
    """Return one measure divided by another, given as columns or expressions; 0 where the divisor is 0."""
    part, whole = (pl.col(measure) if isinstance(measure, str) else measure for measure in (part, whole))
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)
