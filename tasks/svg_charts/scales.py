"""From values to positions on an axis, and round values for its ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Points of a line at most: more than a chart of this width can show would only make the file larger.
POINTS = 200

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic axis from `low` to `high`, which lie at the positions `start` and `stop`."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of a value; without an extent every value is in the middle."""
        low, high, value = (math.log(number) if self.logarithmic else number for number in (self.low, self.high, value))
        fraction = (value - low) / (high - low) if high > low else 0.5
        return self.start + fraction * (self.stop - self.start)

    def ticks(self, max_ticks: int = 5) -> list[float]:
        """Return round values between the ends, at most `max_ticks` on a linear scale."""
        low, high = self.low, self.high
        if high <= low:
            return [low]
        if self.logarithmic:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            candidates = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
            # Bounds widened by a thousandth, as powers of ten are not exact.
            ticks = [value for value in candidates if low * 0.999 <= value <= high * 1.001]
            if len(ticks) > max_ticks:  # powers of ten only
                ticks = [value for value in ticks if math.log10(value) % 1 < 1e-9]
            # Every n-th tick, with n rounded up; the ends themselves where no round value lies between.
            return ticks[:: -(-len(ticks) // max_ticks)] if ticks else [low, high]
        min_step = (high - low) / max(1, max_ticks - 1)
        power = 10.0 ** math.floor(math.log10(min_step))
        # 1, 2, 2.5 or 5 times a power of ten, or the next power.
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= min_step)
        # An end that is a tick must stay one where the division rounds, hence 1e-9 here and below.
        first = math.ceil(low / step - 1e-9)
        return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def format_tick(value: float) -> str:
    """Format the value of a tick: `0.25`, `9000`, `20k`."""
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:g}"


def thin_points(points: Points) -> Points:
    """Reduce a line to at most POINTS points: means over windows of equal size."""
    size = max(1, -(-len(points) // POINTS))
    windows = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return [(sum(x for x, _ in window) / len(window), sum(y for _, y in window) / len(window)) for window in windows]
