"""Scores of predicted text: perplexity, bits per byte, and choices by likelihood."""

import math

import numpy as np

from tasks.downstream.metrics import Floats, Score, divide_or_zero, mean, mean_score


def score_likelihoods(nats: Floats, tokens: Floats, num_bytes: Floats) -> dict[str, Score]:
    """Return the scores of N texts from each text's negative log-likelihood, number of tokens and number of bytes.

    Perplexity compares models of one tokenizer only; bits per byte compares any (Gao et al., "The Pile", 2020, section
    3.1). Space saving is the fraction of the 8 bits a byte that a compressor with the model's predictions would save.
    """
    parts = np.stack([nats, tokens, num_bytes], 1)
    return {
        "space_saving": Score(parts, space_saving),
        "perplexity": Score(parts, perplexity),
        "bits_per_byte": Score(parts, bits_per_byte),
    }


def space_saving(sums: Floats) -> Floats:
    """Return the fraction of bits saved, from sums (…, 3) of nats, tokens and bytes."""
    # log(256) nats are 8 bits.
    return 1 - divide_or_zero(sums[..., 0], sums[..., 2]) / math.log(256)


def perplexity(sums: Floats) -> Floats:
    """Return the perplexity per token, from sums (…, 3) of nats, tokens and bytes."""
    return np.exp(divide_or_zero(sums[..., 0], sums[..., 1]))


def bits_per_byte(sums: Floats) -> Floats:
    """Return the bits per byte, from sums (…, 3) of nats, tokens and bytes."""
    return divide_or_zero(sums[..., 0], sums[..., 2]) / math.log(2)


def score_choices(likelihoods: list[Floats], right: list[int]) -> Score:
    """Return the fraction of questions whose right option is the likeliest; equally likely options share the point."""
    points = [score_choice(options, index) for options, index in zip(likelihoods, right, strict=True)]
    return mean_score(np.array(points))


def score_choice(likelihoods: Floats, right: int) -> float:
    """Return 1 when the right option alone is the likeliest, a half when it is one of two, 0 when it is not."""
    best = likelihoods == likelihoods.max()
    return float(best[right] / best.sum())


def evenness(sums: Floats) -> Floats:
    """Return 1 where the mean, of sums (…, 2) as `metrics.mean` takes them, is one half; 0 where it is 0 or 1.

    Nadeem et al., "StereoSet", 2021, section 4: the second factor of its ICAT score.
    """
    return 1 - np.abs(1 - 2 * mean(sums))
