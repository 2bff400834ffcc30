"""Scores and differences as text, in per cent and in percentage points."""

from tasks.downstream.significance import Difference, Spread


def format_percent(value: float) -> str:
    """Format a ratio in per cent with one decimal."""
    return f"{100 * value:.1f}".replace("-", "\u2212")


def format_points(value: float) -> str:
    """Format a difference in percentage points with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\u2212")


def format_mean(score: Spread) -> str:
    """Format mean and deviation, `56.5 ± 1.2`; without the deviation where all seeds have the same score."""
    mean = format_percent(score.mean)
    return f"{mean} ± {format_percent(score.deviation)}" if len(set(score.values)) > 1 else mean


def format_interval(difference: Difference) -> str:
    """Format the interval of a difference in percentage points, `+1.2 … +5.6`."""
    return f"{format_points(difference.low)} … {format_points(difference.high)}"


def format_p(p: float) -> str:
    """Format a p value with three decimals, which would show a small one as 0.000."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"
