"""The filters: what a document is judged by. A file each; a score when extracting, a verdict when cleaning.

Three shapes cover most rules: `AtMost`, `AtLeast` and `Between` bounds that are settings.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import polars as pl

from tasks.block import Block
from tasks.store import Draft

SCORE = "score_"  # a filter's scores stand in the column SCORE + kind


class Filter(Block, ABC):
    """One rule: a score for every document, and which scores stay."""

    scored_by: ClassVar[frozenset[str]] = frozenset()
    """The fields that change the score. All others only change the verdict, and never make pages extract again."""
    late: ClassVar[bool] = False
    """Whether the score is taken when cleaning: of rules that look into files which may change."""

    enabled: bool = True
    """whether this rule may drop documents"""

    @abstractmethod
    def score(self) -> pl.Expr:
        """The document's number, from its columns and those of `measures.MEASURES`. Never null; NaN: no opinion."""

    @abstractmethod
    def margin(self, score: pl.Expr) -> pl.Expr:
        """How far inside its bounds a score lies, negative outside; `score` is float32."""

    @property
    @abstractmethod
    def bounds(self) -> str:
        """Which scores stay, for people."""

    def keeps(self, score: pl.Expr) -> pl.Expr:
        """True for the documents that stay; other columns of the document may be used."""
        return score.is_nan() | (self.margin(score) >= 0)

    def ready(self, draft: Draft) -> Self:  # noqa: ARG002 - for those that learn first, and keep it in the draft
        """This filter, ready to score. Raises StageFailure."""
        return self


class AtMost(Filter, ABC):
    """Scores above `most` go."""

    most: float

    def margin(self, score: pl.Expr) -> pl.Expr:
        return self.most - score

    @property
    def bounds(self) -> str:
        return f"at most {self.most:,}"


class AtLeast(Filter, ABC):
    """Scores below `fewest` go."""

    fewest: float

    def margin(self, score: pl.Expr) -> pl.Expr:
        return score - self.fewest

    @property
    def bounds(self) -> str:
        return f"at least {self.fewest:,}"


class Between(Filter, ABC):
    """Scores below `fewest` and above `most` go."""

    fewest: float
    most: float

    def margin(self, score: pl.Expr) -> pl.Expr:
        return pl.min_horizontal(score - self.fewest, self.most - score)

    @property
    def bounds(self) -> str:
        return f"{self.fewest:,} to {self.most:,}"


def share(part: str | pl.Expr, whole: str | pl.Expr) -> pl.Expr:
    """One measure as a part of another, and 0 of nothing."""
    part, whole = (pl.col(each) if isinstance(each, str) else each for each in (part, whole))
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)
