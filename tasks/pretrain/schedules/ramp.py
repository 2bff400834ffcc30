"""A number that doubles in stages over the first steps: the batch size, or the sequence length.

Small batches and short rows learn more per token at first: arXiv:1812.06162 (critical batch size), arXiv:2108.06084
(sequence length warmup).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ramp:
    """From `start` in equal stages, each the double of the one before, to `end` after `steps` steps."""

    start: int
    end: int
    steps: int

    @property
    def _num_stages(self) -> int:
        # The number of doublings from `start` to `end`; `check_doubling` has made sure that there are only whole ones.
        return (self.end // self.start).bit_length() - 1 if self.steps else 0

    def value_at(self, step: int) -> int:
        """Return the number in `step`, from 0."""
        # The shift comes last in Python's precedence: start × 2^(step × stages // steps).
        return self.end if step >= self.steps else self.start << step * self._num_stages // self.steps

    def sum_before(self, step: int) -> int:
        """Return the sum of the numbers of all steps before `step`."""
        # stage n ends with the first step for which step * num_stages // steps is n + 1, so rounded up
        ends = [-(-stage * self.steps // max(self._num_stages, 1)) for stage in range(1, self._num_stages + 1)]
        starts = [0, *ends][: len(ends)]
        ramped = sum(
            (self.start << n) * max(0, min(step, stage_end) - stage_start)
            for n, (stage_start, stage_end) in enumerate(zip(starts, ends, strict=True))
        )
        # The last stage's end is `steps`, from where on all steps have the full number.
        return ramped + self.end * max(0, step - (ends[-1] if ends else 0))


def check_doubling(name: str, start: int, end: int) -> None:
    """Raise ValueError unless doubling `start` some times gives `end`, the value of the setting `batch.<name>`."""
    # A power of two has exactly one bit set.
    if end % start or (end // start).bit_count() != 1:
        raise ValueError(f"warmup_{name} must grow to {name} by doubling: {start} does not become {end}")
