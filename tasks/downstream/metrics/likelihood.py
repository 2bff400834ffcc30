"""How well a model foretells text: perplexity, bits per byte, and choices by likelihood."""

import math

import numpy as np

from tasks.downstream.metrics import Floats, Score, mean, mean_of, ratio


def likelihood_scores(nats: Floats, tokens: Floats, num_bytes: Floats) -> dict[str, Score]:
    """Scores of N texts from the sums of their tokens' negative log-likelihoods.

    Perplexity compares models of one tokenizer; bits per byte compares any (Gao et al., "The Pile", 2020, section 3.1).
    Space saving is the share of 8 bits a byte that they leave out.
    """
    parts = np.stack([nats, tokens, num_bytes], 1)
    return {
        "space_saving": Score(parts, space_saving),
        "perplexity": Score(parts, perplexity),
        "bits_per_byte": Score(parts, bits_per_byte),
    }


def space_saving(sums: Floats) -> Floats:
    """Of sums (…, 3) of nats, tokens and bytes."""
    return 1 - ratio(sums[..., 0], sums[..., 2]) / math.log(256)


def perplexity(sums: Floats) -> Floats:
    """Of the same sums."""
    return np.exp(ratio(sums[..., 0], sums[..., 1]))


def bits_per_byte(sums: Floats) -> Floats:
    """Of the same sums."""
    return ratio(sums[..., 0], sums[..., 2]) / math.log(2)


def choice_accuracy(likelihoods: list[Floats], right: list[int]) -> Score:
    """Share of questions whose right option is the likeliest; equally likely ones share the point."""
    return mean_of(np.array([points(each, place) for each, place in zip(likelihoods, right, strict=True)]))


def points(likelihoods: Floats, right: int) -> float:
    """1 for the likeliest option alone, a half where two are, as BLiMP's pairs are counted here."""
    best = likelihoods == likelihoods.max()
    return float(best[right] / best.sum())


def evenness(sums: Floats) -> Floats:
    """1 where the share, of sums (…, 2) as `metrics.mean` takes them, is one half; 0 where it is none or all.

    Nadeem et al., "StereoSet", 2021, section 4: the second factor of its ICAT score.
    """
    return 1 - np.abs(1 - 2 * mean(sums))
