"""Likelihood of texts, zero-shot: bits per byte, and perplexity."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.lzma_bytes import predict_with_byte_frequencies, predict_with_lzma
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.likelihood import score_likelihoods
from tasks.downstream.task_types import Row, ZeroShotTask
from tasks.errors import StageFailure


class DocumentLikelihoodTask(ZeroShotTask):
    """Prediction of texts.

    Rows: `text`, `group` (its file or set). Answers: `nats` (negative log-likelihood), `tokens` (their number).

    Models are compared by the space that is saved when their predictions compress the text: a fraction that is larger
    for a better model, as all other scores are. Perplexity is per token, so it compares models of one tokenizer only.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "group": pl.String()}
    metrics = ("space_saving", "bits_per_byte", "perplexity")
    metric_titles: ClassVar[dict[str, str]] = {"space_saving": "space saving", "bits_per_byte": "bits per byte"}
    unscaled_metrics: ClassVar[frozenset[str]] = frozenset({"bits_per_byte", "perplexity"})

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score all texts as one: longer ones have more weight."""
        nats, tokens = (answers[name].to_numpy().astype(np.float64) for name in ("nats", "tokens"))
        return score_likelihoods(nats, tokens, rows["text"].str.len_bytes().to_numpy().astype(np.float64))

    @property
    def baselines(self) -> dict[str, Baseline]:
        """A compressor, and byte frequencies."""
        return {"lzma": predict_with_lzma, "bytes": predict_with_byte_frequencies}

    def format_question(self, row: Row) -> str:
        """Return the text."""
        return str(row["text"])

    def format_truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return an empty text: there is no answer."""
        return ""

    def format_answer(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return an empty text: there is no answer."""
        return ""

    def validate(self, task: Task) -> Task:
        """Require texts, none of them empty."""
        empty = task.test.filter(pl.col("text").str.strip_chars() == "")
        if len(empty):
            raise StageFailure(f"{empty['origin'][0]}: the text is empty", "Fill it, or take it out")
        if task.test.is_empty():
            raise StageFailure(f"the benchmark {task.name} has no text", "Give it some")
        return task
