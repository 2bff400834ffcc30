"""Tagging of words: entities in BIO, BIOES, BMES or BILOU."""

from typing import ClassVar

import polars as pl

from tasks.downstream.baselines.baselines import predict_known_entities, predict_no_entity
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.entities import extract_entities, score_entities
from tasks.downstream.task_types import Row, TaskType, sample_examples
from tasks.errors import StageFailure


class TaggingTask(TaskType):
    """Named entity recognition.

    Rows: `words`, `tags` (as many), `between` (the text between words: a space, or nothing in Chinese). Answers:
    `predicted`, the tags of all words.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {
        "words": pl.List(pl.String()),
        "tags": pl.List(pl.Int32()),
        "between": pl.String(),
    }
    metrics = ("f1", "precision", "recall")
    metric_titles: ClassVar[dict[str, str]] = {"f1": "entity F1"}
    label_unit = "sentences an entity type"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Return `labels` random sentences for each entity type; rare types may be missing in them."""
        return sample_examples(task, self.count_examples(task, labels), seed)

    def count_examples(self, task: Task, labels: int) -> int:
        """Return the number of training examples of a label count."""
        return labels * len(list_entity_types(task.names))

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:
        """Score complete entities."""
        truth, predicted = (
            [[task.names[tag] for tag in tags] for tags in column.to_list()]
            for column in (rows["tags"], answers["predicted"])
        )
        return score_entities(truth, predicted)

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The entities of the sample wherever their words occur, and no entity at all."""
        return {"known": predict_known_entities, "outside": predict_no_entity}

    def format_question(self, row: Row) -> str:
        """Return the sentence."""
        return str(row["between"].join(row["words"]))

    def format_truth(self, task: Task, row: Row) -> str:
        """Return every entity's type, first and last word."""
        return format_entities(task, row["tags"])

    def format_answer(self, task: Task, row: Row) -> str:
        """Return every entity's type, first and last word."""
        return format_entities(task, row["predicted"])

    def validate(self, task: Task) -> Task:
        """Require an entity type, and as many tags as words."""
        if not list_entity_types(task.names):
            raise StageFailure(f"the benchmark {task.name} has no entity type: all tags are {task.names}", "Tag some")
        for part in task.parts.values():
            invalid = part.filter(pl.col("words").list.len() != pl.col("tags").list.len())
            if len(invalid):
                raise StageFailure(f"{invalid['origin'][0]}: not as many tags as words", "Correct the sentence")
        return super().validate(task)


def list_entity_types(names: list[str]) -> list[str]:
    """Return the entity types of a task's tags."""
    return sorted({name.partition("-")[2] for name in names} - {""})


def format_entities(task: Task, tags: list[int]) -> str:
    """Return the entities of a sentence as text: type, first and last word, counted from 1."""
    entities = extract_entities([task.names[tag] for tag in tags])
    return ", ".join(f"{entity_type} {first + 1}–{last + 1}" for entity_type, first, last in entities) or "none"
