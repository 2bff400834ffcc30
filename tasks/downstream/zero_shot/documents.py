"""Language modelling by the likelihood of complete texts."""

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.load_language_model


def answer_task(task: Task, source: ModelSource) -> pl.DataFrame:
    """Return the texts' negative log-likelihoods in nats, and the numbers of tokens they are summed over."""
    likelihoods = open_model(source).compute_likelihoods(task.test["text"].to_list())
    return pl.DataFrame(likelihoods, schema={"nats": pl.Float64, "tokens": pl.Int64}, orient="row")
