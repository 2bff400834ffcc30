"""Rows of several snapshots in given fractions: the row of every sample is a pure function of the sample's index."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.errors import StageFailure
from tasks.pretrain.data.randomness import Int64s, permute_indices

# in so many samples every source has exactly its quota: its fraction, rounded to one in PERIOD
PERIOD = 1024


class Snapshots(Block):
    """The part of each snapshot in the rows; by default all are one source, of which an epoch reads each row once."""

    weights: tuple[float, ...] = Field(
        default=(), description="of each snapshot of tokens, oldest first: its part of the rows, over the weights' sum"
    )
    replay_fraction: float | None = Field(
        default=None, ge=0, lt=1, description="fraction of the rows from older snapshots; the others are of the newest"
    )

    @model_validator(mode="after")
    def _check_shares(self) -> "Snapshots":
        if self.weights and self.replay_fraction is not None:
            raise ValueError("set weights or replay_fraction: both say how much of the older snapshots is read")
        if self.weights and (min(self.weights) < 0 or not sum(self.weights)):
            raise ValueError("weights must not be negative, and one of them must be more than 0")
        return self

    def group_folders(self, folders: Sequence[Path]) -> list[tuple[list[Path], float]]:
        """Group the snapshots' folders, oldest first, into sources that are read as one, with their fractions.

        Raises StageFailure when there are not as many weights as folders.
        """
        if self.weights and len(self.weights) != len(folders):
            raise StageFailure(
                f"pretrain.snapshots.weights has {len(self.weights)} numbers, and there are {len(folders)} snapshots",
                "Give one weight for each snapshot, oldest first",
            )
        if self.weights:
            fractions = [weight / sum(self.weights) for weight in self.weights]
            # A snapshot of weight 0 is not opened at all.
            return [([folder], fraction) for folder, fraction in zip(folders, fractions, strict=True) if fraction]
        if self.replay_fraction is None or len(folders) == 1:
            return [(list(folders), 1.0)]
        old = [(list(folders[:-1]), self.replay_fraction)] if self.replay_fraction else []
        return [*old, ([folders[-1]], 1 - self.replay_fraction)]


def compute_quotas(fractions: Sequence[float]) -> Int64s:
    """Return how many of PERIOD samples each source has: largest remainders are rounded up, and each has at least 1."""
    exact = np.array(fractions) * PERIOD
    # At least 1: a source that is asked for is read, however small its fraction.
    quotas: Int64s = np.maximum(np.floor(exact).astype(np.int64), 1)
    # below zero when sources were lifted to 1: then those furthest above their exact quota give it back
    while (missing := PERIOD - int(quotas.sum())) != 0:
        quotas[np.argmax((exact - quotas) * np.sign(missing))] += np.sign(missing)
    return quotas


def assign_samples(samples: Int64s, quotas: Int64s, seed: int) -> tuple[Int64s, Int64s]:
    """Return the source of each sample, and its position in that source's own endless sequence.

    Each period of samples is shuffled on its own, and takes every source further by its quota. So every position of
    every sequence is met exactly once.
    """
    periods, within = np.divmod(samples, PERIOD)
    shuffled = np.empty_like(samples)
    for period in np.unique(periods).tolist():
        in_period = periods == period
        shuffled[in_period] = permute_indices(within[in_period], PERIOD, seed, period)
    # A period's shuffled numbers are cut into ranges, one a source, as long as its quota.
    ends = np.cumsum(quotas)
    sources = np.searchsorted(ends, shuffled, side="right")
    # All quotas of the periods before, and the place within the source's own range.
    return sources, periods * quotas[sources] + shuffled - (ends - quotas)[sources]
