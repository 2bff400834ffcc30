"""Rows of several corpora in given shares: which row comes when is a pure function of its slot."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.errors import StageFailure
from tasks.pretrain.data.randomness import Int64s, permute_indices

# so many slots hold each corpus in its share, to one in PERIOD
PERIOD = 1024


class Snapshots(Block):
    """How much of each snapshot a run reads; by default all are one corpus, of which an epoch reads each row once."""

    weights: tuple[float, ...] = Field(
        default=(), description="of each snapshot of tokens, oldest first: its share of the rows, over their sum"
    )
    replay: float | None = Field(
        default=None, ge=0, lt=1, description="share of the rows from older snapshots; the others are of the newest"
    )

    @model_validator(mode="after")
    def _sensible(self) -> "Snapshots":
        if self.weights and self.replay is not None:
            raise ValueError("set weights or replay: both say how much of the older snapshots is read")
        if self.weights and (min(self.weights) < 0 or not sum(self.weights)):
            raise ValueError("weights must not be negative, and one of them must be more than 0")
        return self

    def groups(self, folders: Sequence[Path]) -> list[tuple[list[Path], float]]:
        """Which folders (oldest first) are read as one corpus, and the share of each. StageFailure: another number."""
        if self.weights and len(self.weights) != len(folders):
            raise StageFailure(
                f"pretrain.snapshots.weights has {len(self.weights)} numbers, and there are {len(folders)} snapshots",
                "Give one weight for each snapshot, oldest first",
            )
        if self.weights:
            shares = [weight / sum(self.weights) for weight in self.weights]
            return [([folder], share) for folder, share in zip(folders, shares, strict=True) if share]
        if self.replay is None or len(folders) == 1:
            return [(list(folders), 1.0)]
        old = [(list(folders[:-1]), self.replay)] if self.replay else []
        return [*old, ([folders[-1]], 1 - self.replay)]


def quotas(shares: Sequence[float]) -> Int64s:
    """How many of PERIOD slots each corpus has: the largest remainders are rounded up, and none is left without."""
    exact = np.array(shares) * PERIOD
    number: Int64s = np.maximum(np.floor(exact).astype(np.int64), 1)
    while (missing := PERIOD - int(number.sum())) != 0:
        number[np.argmax((exact - number) * np.sign(missing))] += np.sign(missing)
    return number


def assigned(slots: Int64s, number: Int64s, seed: int) -> tuple[Int64s, Int64s]:
    """The corpus of each slot, and the slot's place in that corpus's own endless sequence.

    Each period of slots is shuffled on its own; in it, every corpus goes on by its quota. So every place of every
    sequence is met exactly once.
    """
    periods, within = np.divmod(slots, PERIOD)
    lots = np.empty_like(slots)
    for period in np.unique(periods).tolist():
        chosen = periods == period
        lots[chosen] = permute_indices(within[chosen], PERIOD, seed, period)
    ends = np.cumsum(number)
    corpus = np.searchsorted(ends, lots, side="right")
    return corpus, periods * number[corpus] + lots - (ends - number)[corpus]
