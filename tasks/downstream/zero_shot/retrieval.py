"""Document retrieval by the cosine of document and question embeddings."""

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.embeddings import embed_texts, normalize_rows, standardize_features
from tasks.downstream.task_types.retrieval import build_ranking
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.load_encoder


def answer_task(task: Task, source: ModelSource) -> pl.DataFrame:
    """Rank the documents for each question by the means of all hidden states.

    Features are standardised over documents and over questions separately, for these differ in length and form.
    """
    encoder, tokenizer = open_model(source)
    documents, questions = (
        normalize_rows(standardize_features(embed_texts(encoder, tokenizer, part["text"].to_list()).all_layers))
        for part in (task.train, task.test)
    )
    return build_ranking(task, np.asarray(questions @ documents.T))
