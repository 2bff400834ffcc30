"""What a run does when its loss jumps, or is no number any more.

To go back some 100 steps and leave the batches since out cured the spikes of PaLM: arXiv:2204.02311 section 5.1.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tasks.block import Block

Trouble = Literal["non_finite", "spikes"]
Answer = Literal["stop", "count", "skip", "roll_back"]

# what the metrics count, and how the summary calls it
SAID = {
    "non_finite": "losses that were no number",
    "spikes": "spikes of the loss",
    "skipped": "batches left out",
    "rolled_back": "times it went back to a checkpoint",
}


class Divergence(Block):
    """A step that goes wrong is counted in the metrics, and answered in one of these ways.

    stop ends the run and says what to change; count takes the step all the same; skip leaves its batch out; roll_back
    goes back to the last checkpoint at a multiple of `anchor` steps, and leaves out all batches since.
    """

    non_finite: Literal["stop", "skip", "roll_back"] = "stop"
    """the answer to a loss or a gradient that is no finite number"""
    spike: Answer = "count"
    """the answer to a loss that jumps"""
    factor: float = Field(default=2.0, gt=1, description="a spike is a loss over so many times the usual one")
    window: int = Field(default=50, ge=2, description="the usual loss is the median of so many steps before")
    anchor: int = Field(default=100, ge=1, description="steps between the checkpoints that roll_back goes to")
    most: int = Field(default=10, ge=1, description="answers between two anchors after which the run ends")

    @property
    def rolls_back(self) -> bool:
        """Whether checkpoints are needed at the anchors."""
        return "roll_back" in (self.non_finite, self.spike)

    def trouble(self, loss: float, norm: float, losses: Sequence[float]) -> Trouble | None:
        """What is wrong with a step, given its loss, its gradient's norm and the losses of all steps before."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return "non_finite"
        last = losses[-self.window :]
        return "spikes" if len(last) == self.window and loss > self.factor * statistics.median(last) else None

    def answer(self, trouble: Trouble) -> Answer:
        """What to do about it."""
        return self.non_finite if trouble == "non_finite" else self.spike


@dataclass
class Troubles:
    """What went wrong so far, and was done about it. Kept in checkpoints, so that a resumed run answers alike."""

    non_finite: int = 0
    spikes: int = 0
    skipped: int = 0
    rolled_back: int = 0
    passed: int = 0
    """rows that were left out"""
    tries: int = 0
    """answers since the last anchor"""

    def count(self, trouble: Trouble) -> None:
        """One more of this kind."""
        setattr(self, trouble, getattr(self, trouble) + 1)

    def as_line(self) -> dict[str, int]:
        """What has happened at all, for the metrics."""
        return {name: getattr(self, name) for name in SAID if getattr(self, name)}
