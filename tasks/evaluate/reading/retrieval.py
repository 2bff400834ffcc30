"""The order of documents by the cosine of their vectors and the question's."""

import numpy as np
import polars as pl

from tasks.evaluate.examples import Task
from tasks.evaluate.kinds.retrieval import told
from tasks.evaluate.reading import Weights
from tasks.evaluate.vectors import standardized, unit, vectors

opened = Weights.encoder


def answers(task: Task, weights: Weights) -> pl.DataFrame:
    """By all states' means, standardised over documents and questions apart, for these differ in length and form."""
    encoder, tokens = opened(weights)
    documents, questions = (
        unit(standardized(vectors(encoder, tokens, part["text"].to_list()).every)) for part in (task.train, task.test)
    )
    return told(task, np.asarray(questions @ documents.T))
