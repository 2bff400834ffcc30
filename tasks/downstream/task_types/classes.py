"""Classification of one text, or of a pair: sentiment, topic, intent, paraphrase, inference."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import guess_class, predict_majority_class, predict_with_tfidf
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.classes import ANY_CLASS, score_classes
from tasks.downstream.task_types import Row, TaskType
from tasks.errors import StageFailure


class ClassificationTask(TaskType):
    """Classification.

    Rows: `text`, `second` (empty where there is one text), `label`. Answers: `predicted`, `confidence`, and
    `probabilities` of all classes.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "second": pl.String(), "label": pl.Int32()}
    metrics = ("accuracy", "macro_f1", "mcc")
    metric_titles: ClassVar[dict[str, str]] = {"macro_f1": "macro-F1", "mcc": "MCC", "f1": "F1"}
    unskewed_metric = "mcc"
    label_unit = "labels a class"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Return `labels` random examples of each class, 0 for all. Raises StageFailure when a class has fewer."""
        if not labels:
            return task.train
        # one generator for all classes, in their order: the draws depend on the seed only, not on the label count
        rng = np.random.default_rng([seed, 1])
        samples = []
        train_labels = task.train["label"].to_numpy()
        for label, name in enumerate(task.names):
            rows = np.flatnonzero(train_labels == label)
            if len(rows) < labels:
                raise StageFailure(
                    f"the class {name!r} of {task.name} has {len(rows)} training examples, "
                    f"and {labels} labels a class were asked for",
                    "Lower evaluate.labels_per_class, or give the benchmark more data",
                )
            samples.append(rng.permutation(rows)[:labels])
        return task.train[np.concatenate(samples)]

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:
        """Score the predicted classes."""
        truth, predicted = (
            table[column].to_numpy().astype(np.int64) for table, column in ((rows, "label"), (answers, "predicted"))
        )
        return score_classes(truth, predicted, len(task.names))

    @property
    def baselines(self) -> dict[str, Baseline]:
        """TF-IDF with logistic regression, the most frequent class of the training part, and chance."""
        return {"tfidf": predict_with_tfidf, "majority": predict_majority_class, "chance": guess_class}

    def format_question(self, row: Row) -> str:
        """Return both texts, one to a line."""
        return "\n".join(row[column] for column in ("text", "second") if row[column])

    def format_truth(self, task: Task, row: Row) -> str:
        """Return the class's name."""
        return task.names[row["label"]]

    def format_answer(self, task: Task, row: Row) -> str:
        """Return the class's name."""
        return task.names[row["predicted"]] if row["predicted"] != ANY_CLASS else "any class"

    def validate(self, task: Task) -> Task:
        """Require two or more classes, each with a training example."""
        if len(task.names) < 2:
            raise StageFailure(
                f"the benchmark {task.name} has {len(task.names)} class, and needs two", "Give it more data"
            )
        counts = np.bincount(task.train["label"], minlength=len(task.names))
        empty = [name for name, count in zip(task.names, counts, strict=True) if not count]
        if empty:
            raise StageFailure(
                f"the benchmark {task.name} has no training example of the class {empty[0]!r}",
                "Add examples of it, or leave the class out",
            )
        return super().validate(task)
