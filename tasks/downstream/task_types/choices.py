"""Which of some texts is the likeliest: grammar by minimal pairs, or answers to choose from. Nothing is learnt."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import chance, shortest
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.likelihood import choice_accuracy
from tasks.downstream.task_types import AsItIs, Row
from tasks.errors import StageFailure


class Choices(AsItIs):
    """Rows: `prompt` (may be empty), `options` (each goes on from it), `right` (which), `group` (a phenomenon).

    Answers: `likelihoods` of the options.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {
        "prompt": pl.String(),
        "options": pl.List(pl.String()),
        "right": pl.Int32(),
        "group": pl.String(),
    }
    metrics = ("accuracy", "accuracy_by_byte")
    titles: ClassVar[dict[str, str]] = {"accuracy_by_byte": "accuracy, likelihood by byte"}

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """By the option's likelihood, and by its mean over the option's bytes."""
        right = rows["right"].to_list()
        found = [np.array(each) for each in answers["likelihoods"].to_list()]
        sizes = [np.array([max(1, len(text.encode())) for text in texts]) for texts in rows["options"].to_list()]
        by_byte = [each / size for each, size in zip(found, sizes, strict=True)]
        return {"accuracy": choice_accuracy(found, right), "accuracy_by_byte": choice_accuracy(by_byte, right)}

    @property
    def baselines(self) -> dict[str, Baseline]:
        """A guess, and the shortest option: what length alone tells."""
        return {"shortest": shortest, "chance": chance}

    def text(self, row: Row) -> str:
        """The prompt and all options, one below the other."""
        return "\n".join([*([row["prompt"]] if row["prompt"] else []), *row["options"]])

    def passage(self, row: Row) -> str:
        """The prompt as the right option goes on from it."""
        return str(row["prompt"] + row["options"][row["right"]])

    def truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """The right option's number."""
        return f"{row['right'] + 1}"

    def given(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """The likeliest option's number."""
        return f"{int(np.argmax(row['likelihoods'])) + 1}"

    def checked(self, task: Task) -> Task:
        """Two options at least, and the right one among them."""
        wrong = task.test.filter((pl.col("options").list.len() < 2) | (pl.col("right") >= pl.col("options").list.len()))
        if len(wrong):
            raise StageFailure(f"{wrong['origin'][0]}: the right one is not among two or more options", "Correct it")
        if task.test.is_empty():
            raise StageFailure(f"the benchmark {task.name} has an empty test part", "Add rows to it")
        return task
