"""A tag for each word: entities in BIO, BIOES, BMES or BILOU."""

from typing import ClassVar

import polars as pl

from tasks.downstream.baselines.baselines import known_entities, outside
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.entities import entity_scores, spans
from tasks.downstream.task_types import Kind, Row, drawn
from tasks.errors import StageFailure


class Tags(Kind):
    """Rows: `words`, `tags` (as many), `between` (what stands between words: a space, or nothing in Chinese).

    Answers: `predicted`, the tags of all words.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {
        "words": pl.List(pl.String()),
        "tags": pl.List(pl.Int32()),
        "between": pl.String(),
    }
    metrics = ("f1", "precision", "recall")
    titles: ClassVar[dict[str, str]] = {"f1": "entity F1"}
    per_label = "sentences an entity type"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """So many sentences for each type of entity, at random: most hold several, rare types none."""
        return drawn(task, labels * len(types(task.names)), seed)

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:
        """Of whole entities."""
        truth, predicted = (
            [[task.names[tag] for tag in tags] for tags in column.to_list()]
            for column in (rows["tags"], answers["predicted"])
        )
        return entity_scores(truth, predicted)

    @property
    def baselines(self) -> dict[str, Baseline]:
        """No entity at all, and the entities of the sample wherever their words stand."""
        return {"known": known_entities, "outside": outside}

    def text(self, row: Row) -> str:
        """The sentence."""
        return str(row["between"].join(row["words"]))

    def truth(self, task: Task, row: Row) -> str:
        """Every entity's type and place, counted in words."""
        return listed(task, row["tags"])

    def given(self, task: Task, row: Row) -> str:
        """Every entity's type and place, counted in words."""
        return listed(task, row["predicted"])

    def checked(self, task: Task) -> Task:
        """As many tags as words, and a type at least."""
        if not types(task.names):
            raise StageFailure(f"the benchmark {task.name} has no entity type: all tags are {task.names}", "Tag some")
        for part in task.parts.values():
            wrong = part.filter(pl.col("words").list.len() != pl.col("tags").list.len())
            if len(wrong):
                raise StageFailure(f"{wrong['origin'][0]}: not as many tags as words", "Correct the sentence")
        return super().checked(task)


def types(names: list[str]) -> list[str]:
    """The entity types of some tags."""
    return sorted({name.partition("-")[2] for name in names} - {""})


def listed(task: Task, tags: list[int]) -> str:
    """The entities of some tags."""
    found = spans([task.names[tag] for tag in tags])
    return ", ".join(f"{kind} {first + 1}–{last + 1}" for kind, first, last in found) or "none"
