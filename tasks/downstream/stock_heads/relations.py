"""Relations by AutoModelForSequenceClassification: a text in which signs mark the two spans.

The "entity marker (punct)" of Zhou, Chen, "An improved baseline for sentence-level relation extraction", 2021
(arXiv:2102.01373), section 3.1: @ around the first span, # around the second. Whoever uses the model marks them so too.
"""

from typing import Any

import polars as pl

from tasks.downstream.heads import Example
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.stock_heads.classes import StockClassModel
from tasks.downstream.task_types.relations import SPANS

MARKERS = ("@", "#")


class StockRelationModel(StockClassModel):
    """A logit for each relation."""

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize the texts with marked spans; the relation is the target.

        Rows without the places of the spans have the marks in their texts already.
        """
        if SPANS[0] not in rows.columns:
            return super().make_examples(tokenizer, rows)
        texts = [mark_spans(text, spans) for text, *spans in rows.select("text", *SPANS).iter_rows()]
        marked = rows.with_columns(pl.Series("text", texts, pl.String), pl.lit("").alias("second"))
        return super().make_examples(tokenizer, marked)


def mark_spans(text: str, spans: Any) -> str:
    """Return the text with a sign before and behind the first span (start, end) and another around the second."""
    starts_and_signs = zip((spans[:2], spans[2:]), MARKERS, strict=True)
    edges = [(position, sign) for (start, end), sign in starts_and_signs for position in (start, end)]
    # from the last on, so that earlier positions stay right
    for position, sign in sorted(edges, key=lambda edge: -edge[0]):
        text = f"{text[:position]} {sign} {text[position:]}"
    return text
