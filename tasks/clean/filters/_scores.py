"""Scores: one float32 column per filter."""

from collections.abc import Mapping

import polars as pl

from tasks.clean.filters import SCORE, Filter


def with_scores(documents: pl.DataFrame, filters: Mapping[str, Filter]) -> pl.DataFrame:
    """The documents with a column SCORE + kind for each filter."""
    from tasks.clean.measures.measures import measured  # noqa: PLC0415 - numba takes a second, and `plan` measures nothing

    scores = [block.score().cast(pl.Float32).alias(SCORE + kind) for kind, block in filters.items()]
    counted = any(not block.late for block in filters.values())
    known = documents.hstack(measured(documents["text"])) if counted else documents
    return known.with_columns(scores).select(*documents.columns, *(SCORE + kind for kind in filters))
