"""How likely whole texts are."""

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.language_model


def answer_task(task: Task, weights: ModelSource) -> pl.DataFrame:
    """Negative log-likelihoods in nats, and over how many tokens."""
    seen = open_model(weights).seen(task.test["text"].to_list())
    return pl.DataFrame(seen, schema={"nats": pl.Float64, "tokens": pl.Int64}, orient="row")
