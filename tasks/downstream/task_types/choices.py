"""Choices by likelihood, zero-shot: grammar by minimal pairs, or answers of multiple choice."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import prefer_shortest_option, score_options_equally
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.likelihood import score_choices
from tasks.downstream.task_types import Row, ZeroShotTask
from tasks.errors import StageFailure


class ChoiceTask(ZeroShotTask):
    """Choice of the likeliest of some texts.

    Rows: `prompt` (may be empty), `options` (each continues it), `right` (index of the right one), `group` (a
    phenomenon or subject). Answers: `likelihoods` of the options.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {
        "prompt": pl.String(),
        "options": pl.List(pl.String()),
        "right": pl.Int32(),
        "group": pl.String(),
    }
    metrics = ("accuracy", "accuracy_by_byte")
    metric_titles: ClassVar[dict[str, str]] = {"accuracy_by_byte": "accuracy, likelihood by byte"}

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score the choice by each option's log-likelihood, and by its mean over the option's bytes."""
        right = rows["right"].to_list()
        likelihoods = [np.array(values) for values in answers["likelihoods"].to_list()]
        # the summed log-likelihood favours short options; max: an empty option has no bytes
        sizes = [np.array([max(1, len(text.encode())) for text in texts]) for texts in rows["options"].to_list()]
        by_byte = [values / num_bytes for values, num_bytes in zip(likelihoods, sizes, strict=True)]
        return {"accuracy": score_choices(likelihoods, right), "accuracy_by_byte": score_choices(by_byte, right)}

    @property
    def baselines(self) -> dict[str, Baseline]:
        """A random choice, and the shortest option, which shows how much the length gives away."""
        return {"shortest": prefer_shortest_option, "chance": score_options_equally}

    def format_question(self, row: Row) -> str:
        """Return the prompt and all options, one to a line."""
        return "\n".join([*([row["prompt"]] if row["prompt"] else []), *row["options"]])

    def format_test_text(self, row: Row) -> str:
        """Return the prompt with the right option."""
        return str(row["prompt"] + row["options"][row["right"]])

    def format_truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the right option's number, from 1."""
        return f"{row['right'] + 1}"

    def format_answer(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the likeliest option's number, from 1."""
        return f"{int(np.argmax(row['likelihoods'])) + 1}"

    def validate(self, task: Task) -> Task:
        """Require two or more options, and the right one among them."""
        invalid = task.test.filter(
            (pl.col("options").list.len() < 2) | (pl.col("right") >= pl.col("options").list.len())
        )
        if len(invalid):
            raise StageFailure(f"{invalid['origin'][0]}: the right one is not among two or more options", "Correct it")
        if task.test.is_empty():
            raise StageFailure(f"the benchmark {task.name} has an empty test part", "Add rows to it")
        return task
