"""The filters: what a document is judged by. A file each; a score when extracting, a verdict when cleaning."""

from abc import ABC, abstractmethod
from typing import ClassVar

import polars as pl

from tasks.block import Block

SCORE = "score_"  # a filter's scores stand in the column SCORE + kind


class Filter(Block, ABC):
    """One rule: a score for every document, and which scores stay."""

    scored_by: ClassVar[frozenset[str]] = frozenset()
    """The fields that change the score. All others only change the verdict, and never make pages extract again."""

    enabled: bool = True
    """whether this rule may drop documents"""

    @abstractmethod
    def score(self) -> pl.Expr:
        """The document's number, from the columns text, title, url, language, language_score and script. Never null."""

    @abstractmethod
    def keeps(self, score: pl.Expr) -> pl.Expr:
        """True for the documents that stay; `score` is float32, and other columns of the document may be used."""
