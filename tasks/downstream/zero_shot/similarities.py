"""Semantic similarity by the cosine of the two texts' embeddings."""

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.embeddings import compute_cosines, embed_texts, standardize_features
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.load_encoder


def answer_task(task: Task, source: ModelSource) -> pl.DataFrame:
    """Return cosines of the last layer's means, and of all layers' means standardised over the task's texts."""
    texts = [*task.test["text"], *task.test["second"]]
    embeddings = embed_texts(*open_model(source), texts)
    columns = {"predicted": embeddings.last_layer, "standardized": standardize_features(embeddings.all_layers)}
    return pl.DataFrame({name: compute_cosines(*np.split(vectors, 2)) for name, vectors in columns.items()})
