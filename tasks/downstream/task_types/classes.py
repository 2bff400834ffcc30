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
        """Return `labels` random examples of each class, 0 for all; a class that has fewer gives what it has."""
        if not labels:
            return task.train
        # one generator for all classes, in their order: the draws depend on the seed only, not on the label count
        rng = np.random.default_rng([seed, 1])
        samples = []
        train_labels = task.train["label"].to_numpy()
        for label in range(len(task.names)):
            rows = np.flatnonzero(train_labels == label)
            samples.append(rng.permutation(rows)[:labels])
        return task.train[np.concatenate(samples)]

    def describe_shortage(self, task: Task, labels: int) -> str:
        """Return a sentence on the classes that have fewer examples than a label count."""
        counts = np.bincount(task.train["label"], minlength=len(task.names))
        rare = [(int(count), name) for name, count in zip(task.names, counts, strict=True) if 0 < count < labels]
        if not rare:
            return ""
        names = ", ".join(f"{name!r} {count}" for count, name in sorted(rare)[:5])
        more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
        return f" With {labels} labels a class, {len(rare)} classes have fewer and give what they have: {names}{more}."

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
        """Require two or more classes with a training example; further ones are in the test part only."""
        num_classes = task.train["label"].n_unique()
        if num_classes < 2:
            raise StageFailure(f"the benchmark {task.name} has {num_classes} class, and needs two", "Give it more data")
        return super().validate(task)
