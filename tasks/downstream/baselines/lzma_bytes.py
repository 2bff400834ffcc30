"""Baselines of language modelling: a compressed size is a likelihood too.

Delétang et al., "Language modeling is compression", 2024. Each text is compressed alone, as a model reads it alone.
"""

import lzma
import math

import numpy as np
import polars as pl

from tasks.downstream.data.baseline_predictions import BaselinePredictions
from tasks.downstream.data.task_data import Task

NATS_PER_BYTE = 8 * math.log(2)


def predict_with_lzma(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Return as negative log-likelihood the size of every text after LZMA2, without a header."""
    texts = [text.encode() for text in task.test["text"]]
    # a larger dictionary takes long: it is filled with zeros for every text
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 20}]
    # FORMAT_RAW has no header and no checksum, which would weigh much in a short text.
    sizes = [len(lzma.compress(text, lzma.FORMAT_RAW, filters=filters)) for text in texts]
    return _build_predictions([size * NATS_PER_BYTE for size in sizes], texts)


def predict_with_byte_frequencies(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001
    """Return as negative log-likelihood the entropy of independent bytes that are as frequent as in the text."""
    texts = [text.encode() for text in task.test["text"]]
    counts = [np.bincount(np.frombuffer(text, np.uint8)) for text in texts]
    frequencies = [byte_counts[byte_counts > 0] / byte_counts.sum() for byte_counts in counts]
    entropies = [-float(probabilities @ np.log(probabilities)) for probabilities in frequencies]
    return _build_predictions([entropy * len(text) for entropy, text in zip(entropies, texts, strict=True)], texts)


def _build_predictions(nats: list[float], texts: list[bytes]) -> BaselinePredictions:
    return BaselinePredictions(pl.DataFrame({"nats": nats, "tokens": [len(text) for text in texts]}), {}, None)
