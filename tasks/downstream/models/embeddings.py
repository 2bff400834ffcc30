"""A vector for each text from a model as it is.

Shapes: N texts, D width, F features of all hidden states.
"""

from typing import NamedTuple

import numpy as np
import torch

from tasks.downstream.metrics import Floats
from tasks.downstream.models.encoder import (
    EVALUATION_BATCH_SIZE,
    CheckpointTokenizer,
    Encoder,
    batch_by_length,
    pad_batch,
)


class TextEmbeddings(NamedTuple):
    """Means over a text's tokens."""

    last: Floats
    """of the last hidden state (N, D), as sentence vectors are usually taken (Reimers, Gurevych 2019, table 1)"""
    every: Floats
    """of all hidden states side by side (N, F)"""


@torch.no_grad()
def embed_texts(encoder: Encoder, tokens: CheckpointTokenizer, texts: list[str]) -> TextEmbeddings:
    """Of every text, cut at the longest that the model reads."""
    encoder.eval()
    ids = tokens(texts)
    found: dict[int, Floats] = {}
    for rows in batch_by_length(ids, EVALUATION_BATCH_SIZE):
        features = encoder(pad_batch([ids[row] for row in rows])).double().numpy()
        found |= dict(zip(rows.tolist(), features, strict=True))
    every = np.stack([found[row] for row in range(len(texts))])
    return TextEmbeddings(every[:, -encoder.width :], every)


def standardize_features(vectors: Floats) -> Floats:
    """Each feature with mean 0 and deviation 1, or a few large ones decide every cosine.

    Timkey, van Schijndel, "All bark and no bite: rogue dimensions in transformer language models", 2021, section 5.
    """
    found: Floats = (vectors - vectors.mean(0)) / np.maximum(vectors.std(0), 1e-6)
    return found


def compute_cosines(one: Floats, other: Floats) -> Floats:
    """Row by row."""
    found: Floats = (normalize_rows(one) * normalize_rows(other)).sum(1)
    return found


def normalize_rows(vectors: Floats) -> Floats:
    """Of length 1."""
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return found
