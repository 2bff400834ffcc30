"""The relation of two marked spans in a text."""

from typing import ClassVar

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import Row
from tasks.downstream.task_types.classes import Classes
from tasks.errors import StageFailure

SPANS = ("first_start", "first_end", "second_start", "second_end")


class Relations(Classes):
    """Rows as for classes, and where both spans begin and end in `text`, in characters. Answers as for classes."""

    columns: ClassVar[dict[str, pl.DataType]] = Classes.columns | dict.fromkeys(SPANS, pl.Int32())
    metrics = ("macro_f1", "accuracy", "mcc")

    def text(self, row: Row) -> str:
        """The spans in brackets."""
        text = row["text"]
        pairs = ((row[start], row[end]) for start, end in (SPANS[:2], SPANS[2:]))
        for start, end in sorted(pairs, reverse=True):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        return str(text)

    def passage(self, row: Row) -> str:
        """The text without marks."""
        return str(row["text"])

    def checked(self, task: Task) -> Task:
        """Spans inside their text."""
        for part in task.parts.values():
            length = pl.col("text").str.len_chars()
            inside = pl.all_horizontal(
                (pl.col(start) >= 0) & (pl.col(start) < pl.col(end)) & (pl.col(end) <= length)
                for start, end in (SPANS[:2], SPANS[2:])
            )
            wrong = part.filter(~inside)
            if len(wrong):
                raise StageFailure(f"{wrong['origin'][0]}: a marked span lies outside the text", "Correct the row")
        return super().checked(task)
