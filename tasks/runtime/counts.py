"""Counts of several shards or snapshots, added up."""

from collections.abc import Iterable
from typing import Any


def add_counts(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of counts by name, of nested ones too. Of values that are no numbers the last one counts."""
    total: dict[str, Any] = {}
    for counts in parts:
        for name, value in counts.items():
            previous = total.get(name)
            if isinstance(value, dict):
                total[name] = add_counts([previous if isinstance(previous, dict) else {}, value])
            elif isinstance(value, int | float) and isinstance(previous, int | float):
                total[name] = previous + value
            else:
                total[name] = value
    return total
