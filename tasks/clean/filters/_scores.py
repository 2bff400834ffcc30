"""Scores: one float32 column per filter."""

from collections.abc import Mapping

import polars as pl

from tasks.clean.filters import SCORE_PREFIX, Filter


def add_scores(documents: pl.DataFrame, filters: Mapping[str, Filter]) -> pl.DataFrame:
    """Return the documents with a column SCORE_PREFIX + kind for each filter."""
    from tasks.clean.measures.measures import measure_texts  # noqa: PLC0415 - numba takes a second, and `plan` measures nothing

    scores = [block.score().cast(pl.Float32).alias(SCORE_PREFIX + kind) for kind, block in filters.items()]
    needs_measures = any(not block.scored_in_clean for block in filters.values())
    measured = documents.hstack(measure_texts(documents["text"])) if needs_measures else documents
    return measured.with_columns(scores).select(*documents.columns, *(SCORE_PREFIX + kind for kind in filters))
