"""Text embeddings from an encoder without fine-tuning.

Shapes: N texts, D hidden size, F features of all hidden states.
"""

from typing import NamedTuple

import numpy as np
import torch

from tasks.downstream.metrics import Floats
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, Encoder, batch_by_length, pad_batch


class TextEmbeddings(NamedTuple):
    """Mean-pooled hidden states of texts."""

    last_layer: Floats
    """means of the last hidden state (N, D), the usual sentence embedding (Reimers, Gurevych 2019, table 1)"""
    all_layers: Floats
    """means of all hidden states side by side (N, F)"""


@torch.no_grad()
def embed_texts(encoder: Encoder, tokenizer: CheckpointTokenizer, texts: list[str]) -> TextEmbeddings:
    """Embed texts, each truncated to the model's maximum length."""
    encoder.eval()
    ids = tokenizer(texts)
    features_by_row: dict[int, Floats] = {}
    for rows in batch_by_length(ids, EVALUATION_BATCH_SIZE):
        features = encoder(pad_batch([ids[row] for row in rows])).double().numpy()
        features_by_row |= dict(zip(rows.tolist(), features, strict=True))
    all_layers = np.stack([features_by_row[row] for row in range(len(texts))])
    # The last layer's states are the last columns.
    return TextEmbeddings(all_layers[:, -encoder.hidden_size :], all_layers)


def standardize_features(embeddings: Floats) -> Floats:
    """Scale each feature to mean 0 and deviation 1; otherwise a few large ones decide every cosine.

    Timkey, van Schijndel, "All bark and no bite: rogue dimensions in transformer language models", 2021, section 5.
    """
    standardized: Floats = (embeddings - embeddings.mean(0)) / np.maximum(embeddings.std(0), 1e-6)
    return standardized


def compute_cosines(one: Floats, other: Floats) -> Floats:
    """Return the cosine similarity of each row of one array to the same row of the other (N,)."""
    cosines: Floats = (normalize_rows(one) * normalize_rows(other)).sum(1)
    return cosines


def normalize_rows(embeddings: Floats) -> Floats:
    """Scale each row to length 1."""
    normalized: Floats = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    return normalized
