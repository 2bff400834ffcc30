"""The cosine of two texts' vectors."""

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.embeddings import compute_cosines, embed_texts, standardize_features
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.encoder


def answer_task(task: Task, weights: ModelSource) -> pl.DataFrame:
    """Of the last states' means, and of all states' means, each standardised over the task's texts."""
    texts = [*task.test["text"], *task.test["second"]]
    found = embed_texts(*open_model(weights), texts)
    told = {"predicted": found.last, "standardized": standardize_features(found.every)}
    return pl.DataFrame({name: compute_cosines(*np.split(each, 2)) for name, each in told.items()})
