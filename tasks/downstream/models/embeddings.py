"""A vector for each text from a model as it is.

Shapes: N texts, D width, F features of all hidden states.
"""

from typing import NamedTuple

import numpy as np
import torch

from tasks.downstream.metrics import Floats
from tasks.downstream.models.encoder import EVALUATION_BATCH, Encoder, Tokens, batch_of, by_length


class Vectors(NamedTuple):
    """Means over a text's tokens."""

    last: Floats
    """of the last hidden state (N, D), as sentence vectors are usually taken (Reimers, Gurevych 2019, table 1)"""
    every: Floats
    """of all hidden states side by side (N, F)"""


@torch.no_grad()
def vectors(encoder: Encoder, tokens: Tokens, texts: list[str]) -> Vectors:
    """Of every text, cut at the longest that the model reads."""
    encoder.eval()
    ids = tokens(texts)
    found: dict[int, Floats] = {}
    for rows in by_length(ids, EVALUATION_BATCH):
        features = encoder(batch_of([ids[row] for row in rows])).double().numpy()
        found |= dict(zip(rows.tolist(), features, strict=True))
    every = np.stack([found[row] for row in range(len(texts))])
    return Vectors(every[:, -encoder.width :], every)


def standardized(vectors: Floats) -> Floats:
    """Each feature with mean 0 and deviation 1, or a few large ones decide every cosine.

    Timkey, van Schijndel, "All bark and no bite: rogue dimensions in transformer language models", 2021, section 5.
    """
    found: Floats = (vectors - vectors.mean(0)) / np.maximum(vectors.std(0), 1e-6)
    return found


def cosines(one: Floats, other: Floats) -> Floats:
    """Row by row."""
    found: Floats = (unit(one) * unit(other)).sum(1)
    return found


def unit(vectors: Floats) -> Floats:
    """Of length 1."""
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return found
