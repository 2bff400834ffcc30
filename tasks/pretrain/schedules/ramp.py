"""A number that doubles from step to step of a staircase: rows in a step, or tokens in a row.

Small batches and short rows learn more per token at first: arXiv:1812.06162 (critical batch size), arXiv:2108.06084
(sequence length warmup).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ramp:
    """From `first` in equal stages, each the double of the one before, to `full` after `steps` steps."""

    first: int
    full: int
    steps: int

    @property
    def _stages(self) -> int:
        return (self.full // self.first).bit_length() - 1 if self.steps else 0

    def at(self, step: int) -> int:
        """The number in `step`, from 0."""
        return self.full if step >= self.steps else self.first << step * self._stages // self.steps

    def rows_before(self, step: int) -> int:
        """The sum over all steps before `step`."""
        ends = [-(-stage * self.steps // max(self._stages, 1)) for stage in range(1, self._stages + 1)]
        begins = [0, *ends][: len(ends)]
        stages = zip(begins, ends, strict=True)
        ramped = sum((self.first << n) * max(0, min(step, end) - begin) for n, (begin, end) in enumerate(stages))
        return ramped + self.full * max(0, step - (ends[-1] if ends else 0))


def check_doubles(what: str, first: int, full: int) -> None:
    """Raise ValueError unless `full` is `first` doubled some times."""
    if full % first or (full // first).bit_count() != 1:
        raise ValueError(f"first_{what} must grow to {what} by doubling: {first} does not become {full}")
