"""How well texts are foretold: bits per byte, and perplexity. Nothing is learnt."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.lzma_bytes import byte_entropy, lzma_bytes
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.likelihood import likelihood_scores
from tasks.downstream.task_types import AsItIs, Row
from tasks.errors import StageFailure


class Documents(AsItIs):
    """Rows: `text`, `group` (where it is from). Answers: `nats` (negative log-likelihood), `tokens` (how many).

    Models are compared by what they save when their forecasts are used to compress the text: a share that grows with
    the model, as all other scores do. Perplexity is per token, so it compares models of one tokenizer only.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "group": pl.String()}
    metrics = ("space_saving", "bits_per_byte", "perplexity")
    titles: ClassVar[dict[str, str]] = {"space_saving": "space saving", "bits_per_byte": "bits per byte"}
    plain: ClassVar[frozenset[str]] = frozenset({"bits_per_byte", "perplexity"})

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Of all texts as one: long ones weigh more."""
        nats, tokens = (answers[name].to_numpy().astype(np.float64) for name in ("nats", "tokens"))
        return likelihood_scores(nats, tokens, rows["text"].str.len_bytes().to_numpy().astype(np.float64))

    @property
    def baselines(self) -> dict[str, Baseline]:
        """A compressor, and the frequencies of bytes."""
        return {"lzma": lzma_bytes, "bytes": byte_entropy}

    def text(self, row: Row) -> str:
        """The text."""
        return str(row["text"])

    def truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """Nothing is asked."""
        return ""

    def given(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """Nothing is asked."""
        return ""

    def checked(self, task: Task) -> Task:
        """Texts, none of them empty."""
        empty = task.test.filter(pl.col("text").str.strip_chars() == "")
        if len(empty):
            raise StageFailure(f"{empty['origin'][0]}: the text is empty", "Fill it, or take it out")
        if task.test.is_empty():
            raise StageFailure(f"the benchmark {task.name} has no text", "Give it some")
        return task
