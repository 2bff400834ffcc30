"""How well a model foretells text: perplexity, bits per byte, and choices by likelihood."""

import math

import numpy as np

from tasks.evaluate.metrics import Floats, Score, mean_of, ratio


def likelihood_scores(nats: Floats, tokens: Floats, num_bytes: Floats) -> dict[str, Score]:
    """Scores of N texts from the sums of their tokens' negative log-likelihoods.

    Perplexity compares models of one tokenizer; bits per byte compares any (Gao et al., "The Pile", 2020, section 3.1).
    Space saving is the share of 8 bits a byte that they leave out.
    """
    parts = np.stack([nats, tokens, num_bytes], 1)
    return {
        "space_saving": Score(parts, lambda sums: 1 - ratio(sums[..., 0], sums[..., 2]) / math.log(256)),
        "perplexity": Score(parts, lambda sums: np.exp(ratio(sums[..., 0], sums[..., 1]))),
        "bits_per_byte": Score(parts, lambda sums: ratio(sums[..., 0], sums[..., 2]) / math.log(2)),
    }


def choice_accuracy(likelihoods: list[Floats], right: list[int]) -> Score:
    """Share of questions whose right option is the likeliest; equally likely ones share the point."""
    return mean_of(np.array([points(each, place) for each, place in zip(likelihoods, right, strict=True)]))


def points(likelihoods: Floats, right: int) -> float:
    """1 for the likeliest option alone, a half where two are, as BLiMP's pairs are counted here."""
    best = likelihoods == likelihoods.max()
    return float(best[right] / best.sum())


def evenness(share: Score) -> Score:
    """1 where a share is one half, 0 where it is none or all.

    Nadeem et al., "StereoSet", 2021, section 4: the second factor of its ICAT score.
    """
    return Score(share.parts, lambda sums: 1 - np.abs(1 - 2 * share.of(sums)))
