"""The order of documents by the cosine of their vectors and the question's."""

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.embeddings import standardized, unit, vectors
from tasks.downstream.task_types.retrieval import build_ranking
from tasks.downstream.zero_shot import Weights

opened = Weights.encoder


def answers(task: Task, weights: Weights) -> pl.DataFrame:
    """By all states' means, standardised over documents and questions apart, for these differ in length and form."""
    encoder, tokens = opened(weights)
    documents, questions = (
        unit(standardized(vectors(encoder, tokens, part["text"].to_list()).every)) for part in (task.train, task.test)
    )
    return build_ranking(task, np.asarray(questions @ documents.T))
