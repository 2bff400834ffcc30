"""What a language model has to beat in foretelling text: a compressor's bits are a likelihood too.

Delétang et al., "Language modeling is compression", 2024. Each text is compressed alone, as a model reads it alone.
"""

import lzma
import math

import numpy as np
import polars as pl

from tasks.downstream.data.answers import Guess
from tasks.downstream.data.task_data import Task

NATS_OF_BYTE = 8 * math.log(2)


def lzma_bytes(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """The size of every text after LZMA2, without a header."""
    texts = [text.encode() for text in task.test["text"]]
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 20}]  # a larger one is zeroed for every text
    return _guess([len(lzma.compress(text, lzma.FORMAT_RAW, filters=filters)) * NATS_OF_BYTE for text in texts], texts)


def byte_entropy(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """The text as bytes drawn one by one, as frequent as they are in it: the entropy of order 0."""
    texts = [text.encode() for text in task.test["text"]]
    counts = [np.bincount(np.frombuffer(text, np.uint8)) for text in texts]
    shares = [each[each > 0] / each.sum() for each in counts]
    entropies = [-float(each @ np.log(each)) for each in shares]
    return _guess([entropy * len(text) for entropy, text in zip(entropies, texts, strict=True)], texts)


def _guess(nats: list[float], texts: list[bytes]) -> Guess:
    return Guess(pl.DataFrame({"nats": nats, "tokens": [len(text) for text in texts]}), {}, None)
