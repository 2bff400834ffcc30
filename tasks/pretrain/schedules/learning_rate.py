"""How the learning rate moves over a run."""

import math
from typing import Literal

from pydantic import Field

from tasks.block import Block


class Schedule(Block):
    """The learning rate rises in the warmup, and falls towards the end."""

    shape: Literal["wsd", "cosine", "linear"] = "wsd"
    """wsd: warmup, stable, then decay in the last part (training can go on from the stable part); cosine and linear
    fall from the end of the warmup on"""
    warmup: float = Field(default=0.02, ge=0, le=1, description="share of the steps in which the rate rises from 0")
    decay: float = Field(default=0.7, ge=0, le=1, description="share of the steps, at the end, in which wsd falls")
    floor: float = Field(default=0.0, ge=0, le=1, description="share of the learning rate that is left at the end")

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied with in `step` (from 0) of `steps`."""
        warm = self.warmup * steps
        if step + 1 < warm:
            return (step + 1) / warm
        falling = self.decay * steps if self.shape == "wsd" else steps - warm
        # the last step still learns: 0 would be reached one step after the end
        left = min(1.0, (steps - step) / falling) if falling else 1.0
        if self.shape == "cosine":
            left = (1 - math.cos(math.pi * left)) / 2
        return self.floor + (1 - self.floor) * left
