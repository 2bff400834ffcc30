"""The predictions of baselines, as tables."""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from tasks.downstream.data.task_data import Task


class BaselinePredictions(NamedTuple):
    """A baseline's answers to the test part, its tuned hyperparameters, and its score on the validation part."""

    answers: pl.DataFrame
    chosen: dict[str, float]
    """hyperparameter → the value that was best on validation; empty where there is nothing to tune"""
    validation: float | None


Baseline = Callable[[Task, pl.DataFrame], BaselinePredictions]
"""A function of a task and a sample of its training examples: it learns from the sample, tunes on validation, and
answers the test part once."""
