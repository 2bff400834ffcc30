"""One class for one text, or for two: sentiment, topic, intent, paraphrase, inference."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import majority, tfidf
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.classes import class_scores
from tasks.downstream.task_types import Kind, Row
from tasks.errors import StageFailure


class Classes(Kind):
    """Rows: `text`, `second` (empty where there is one text), `label`. Answers: `predicted`, `confidence`."""

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "second": pl.String(), "label": pl.Int32()}
    metrics = ("accuracy", "macro_f1", "mcc")
    titles: ClassVar[dict[str, str]] = {"macro_f1": "macro-F1", "mcc": "MCC", "f1": "F1"}
    per_label = "labels a class"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """So many of each class."""
        if not labels:
            return task.train
        rng = np.random.default_rng([seed, 1])
        chosen = []
        found = task.train["label"].to_numpy()
        for label, name in enumerate(task.names):
            rows = np.flatnonzero(found == label)
            if len(rows) < labels:
                raise StageFailure(
                    f"the class {name!r} of {task.name} has {len(rows)} training examples, "
                    f"and {labels} labels a class were asked for",
                    "Lower evaluate.labels_per_class, or give the benchmark more data",
                )
            chosen.append(rng.permutation(rows)[:labels])
        return task.train[np.concatenate(chosen)]

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:
        """Accuracy and its kin."""
        truth, predicted = (
            part[name].to_numpy().astype(np.int64) for part, name in ((rows, "label"), (answers, "predicted"))
        )
        return class_scores(truth, predicted, len(task.names))

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The most frequent class, and TF-IDF with logistic regression."""
        return {"tfidf": tfidf, "majority": majority}

    def text(self, row: Row) -> str:
        """Both texts, one below the other."""
        return "\n".join(row[part] for part in ("text", "second") if row[part])

    def truth(self, task: Task, row: Row) -> str:
        """The class's name."""
        return task.names[row["label"]]

    def given(self, task: Task, row: Row) -> str:
        """The class's name."""
        return task.names[row["predicted"]]

    def checked(self, task: Task) -> Task:
        """Two classes at least, each with a training example."""
        if len(task.names) < 2:
            raise StageFailure(
                f"the benchmark {task.name} has {len(task.names)} class, and two are the fewest", "Give it more data"
            )
        counts = np.bincount(task.train["label"], minlength=len(task.names))
        empty = [name for name, count in zip(task.names, counts, strict=True) if not count]
        if empty:
            raise StageFailure(
                f"the benchmark {task.name} has no training example of the class {empty[0]!r}",
                "Add examples of it, or leave the class out",
            )
        return super().checked(task)
