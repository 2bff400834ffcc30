"""Answers of models and baselines, as tables."""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from tasks.downstream.data.task_data import Task


class Guess(NamedTuple):
    """A baseline's answers to the test part, what was chosen on validation, and the score there."""

    answers: pl.DataFrame
    chosen: dict[str, float]
    validation: float | None


Baseline = Callable[[Task, pl.DataFrame], Guess]
"""Learns from a sample of the training examples, chooses on validation, answers the test part once."""
