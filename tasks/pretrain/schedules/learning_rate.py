"""The learning rate over a run."""

import math
from typing import Literal

from pydantic import Field

from tasks.block import Block


class Schedule(Block):
    """The learning rate over a run: it rises in the warmup, and falls towards the end."""

    shape: Literal["wsd", "cosine", "linear"] = "wsd"
    """wsd: warmup, stable, then decay in the last part (training can go on from the stable part); cosine and linear
    fall from the end of the warmup on"""
    warmup_fraction: float = Field(
        default=0.02, ge=0, le=1, description="fraction of the steps in which the rate rises from 0"
    )
    decay_fraction: float = Field(
        default=0.7, ge=0, le=1, description="fraction of the steps, at the end, in which wsd falls"
    )
    min_lr_ratio: float = Field(
        default=0.0, ge=0, le=1, description="the learning rate at the end, as a fraction of the highest"
    )

    def lr_factor(self, step: int, num_steps: int) -> float:
        """Return the factor of the learning rate in `step` (from 0) of `num_steps`."""
        warmup_steps = self.warmup_fraction * num_steps
        # Counted from 1, since a first step with rate 0 would be lost.
        if step + 1 < warmup_steps:
            return (step + 1) / warmup_steps
        decay_steps = self.decay_fraction * num_steps if self.shape == "wsd" else num_steps - warmup_steps
        # the last step still learns: 0 would be reached one step after the end
        remaining = min(1.0, (num_steps - step) / decay_steps) if decay_steps else 1.0
        if self.shape == "cosine":
            remaining = (1 - math.cos(math.pi * remaining)) / 2
        return self.min_lr_ratio + (1 - self.min_lr_ratio) * remaining
