"""The cosine of two texts' vectors."""

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.embeddings import cosines, standardized, vectors
from tasks.downstream.zero_shot import Weights

opened = Weights.encoder


def answers(task: Task, weights: Weights) -> pl.DataFrame:
    """Of the last states' means, and of all states' means, each standardised over the task's texts."""
    texts = [*task.test["text"], *task.test["second"]]
    found = vectors(*opened(weights), texts)
    told = {"predicted": found.last, "standardized": standardized(found.every)}
    return pl.DataFrame({name: cosines(*np.split(each, 2)) for name, each in told.items()})
