"""Classification of the relation between two marked spans of a text."""

from typing import ClassVar

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import Row
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import StageFailure

SPANS = ("first_start", "first_end", "second_start", "second_end")


class RelationTask(ClassificationTask):
    """Relation classification.

    Rows as in `ClassificationTask`, with the first and one past the last character of both spans in `text`. Answers as
    in `ClassificationTask`.
    """

    columns: ClassVar[dict[str, pl.DataType]] = ClassificationTask.columns | dict.fromkeys(SPANS, pl.Int32())
    metrics = ("macro_f1", "accuracy", "mcc")

    def format_question(self, row: Row) -> str:
        """Return the text with the spans in brackets."""
        text = row["text"]
        pairs = ((row[start], row[end]) for start, end in (SPANS[:2], SPANS[2:]))
        # from the end, so that brackets do not move the spans that are still to mark
        for start, end in sorted(pairs, reverse=True):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        return str(text)

    def format_test_text(self, row: Row) -> str:
        """Return the text without brackets."""
        return str(row["text"])

    def validate(self, task: Task) -> Task:
        """Require spans inside of their text."""
        for part in task.parts.values():
            length = pl.col("text").str.len_chars()
            inside = pl.all_horizontal(
                (pl.col(start) >= 0) & (pl.col(start) < pl.col(end)) & (pl.col(end) <= length)
                for start, end in (SPANS[:2], SPANS[2:])
            )
            invalid = part.filter(~inside)
            if len(invalid):
                raise StageFailure(f"{invalid['origin'][0]}: a marked span lies outside the text", "Correct the row")
        return super().validate(task)
