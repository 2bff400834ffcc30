"""The texts whose labels would help a model most: uncertain ones that are unlike each other.

Margins as in Scheffer et al., "Active hidden Markov models for information extraction", 2001; among the most uncertain
the next text is the one farthest from those that are chosen (k-center greedy: Sener, Savarese, arXiv:1708.00489).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.downstream.baselines.baselines import make_vectorizer

CANDIDATES_PER_TEXT = 10
"""candidates, the most uncertain texts, for each text that is chosen"""


def select_uncertain(tables: Sequence[pl.DataFrame], count: int) -> pl.DataFrame:
    """Return the rows to label, the first to choose first, with their `uncertainty` from 0 to 1."""
    ranked = pl.concat([table.with_columns(uncertainty=measure_uncertainty(table)) for table in tables])
    texts = [name for name in ("text", "second") if name in ranked.columns]
    # equal texts once
    distinct = ranked.unique(texts, keep="first", maintain_order=True)
    candidates = distinct.sort("uncertainty", descending=True, maintain_order=True).head(count * CANDIDATES_PER_TEXT)
    return candidates[choose_diverse(candidates["text"].to_list(), candidates["uncertainty"].to_numpy(), count)]


def measure_uncertainty(table: pl.DataFrame) -> pl.Series:
    """Return 1 less the margin between the two likeliest classes; of other answers what falls with confidence."""
    if "probabilities" in table.columns:
        probabilities = np.sort(table["probabilities"].struct.unnest().to_numpy(), 1)
        return pl.Series(1 - (probabilities[:, -1] - probabilities[:, -2]), dtype=pl.Float32)
    if "confidence" in table.columns:
        return (1 - table["confidence"]).cast(pl.Float32)
    # the sum of two logits, of which only the order is known
    scores = table["score"].to_numpy().astype(np.float64)
    return pl.Series(1 / (1 + np.exp(np.clip(scores / 10, -50, 50))), dtype=pl.Float32)


def choose_diverse(texts: list[str], uncertainties: NDArray[np.float32], count: int) -> list[int]:
    """Return the rows of texts that are uncertain and far from each other, the most uncertain first."""
    vectors = make_vectorizer(texts).fit_transform(texts)
    chosen = [0]
    distances = 1 - (vectors @ vectors[0].T).toarray()[:, 0]
    while len(chosen) < min(count, len(texts)):
        gains = uncertainties * distances
        gains[chosen] = -1
        best = int(np.argmax(gains))
        chosen.append(best)
        distances = np.minimum(distances, 1 - (vectors @ vectors[best].T).toarray()[:, 0])
    return chosen
