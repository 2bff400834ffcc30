"""How likely whole texts are."""

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.zero_shot import Weights

opened = Weights.language_model


def answers(task: Task, weights: Weights) -> pl.DataFrame:
    """Negative log-likelihoods in nats, and over how many tokens."""
    seen = opened(weights).seen(task.test["text"].to_list())
    return pl.DataFrame(seen, schema={"nats": pl.Float64, "tokens": pl.Int64}, orient="row")
