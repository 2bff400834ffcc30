"""The answer to a question, cut out of a text."""

from typing import ClassVar

import polars as pl

from tasks.downstream.baselines.baselines import beginning, likeliest_clause
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.answers import answer_scores
from tasks.downstream.task_types import Kind, Row, drawn
from tasks.errors import StageFailure

EACH = 10


class Answers(Kind):
    """Rows: `question`, `context`, `answers`, `starts` (where each begins in the context, in characters, or -1).

    Answers: `predicted`, a text. A question without an answer has one, the empty text; an answer at -1 is told in other
    words than the context's, so it counts where answers are scored and is not learnt from.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {
        "question": pl.String(),
        "context": pl.String(),
        "answers": pl.List(pl.String()),
        "starts": pl.List(pl.Int32()),
    }
    metrics = ("f1", "exact_match")
    titles: ClassVar[dict[str, str]] = {"f1": "answer F1", "exact_match": "exact match"}
    per_label = f"× {EACH} questions"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Ten times so many questions."""
        return drawn(task, labels * EACH, seed)

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Against the best of the true answers."""
        return answer_scores(rows["answers"].to_list(), answers["predicted"].to_list())

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The clause with most of the question's words, and how the text begins."""
        return {"clause": likeliest_clause, "beginning": beginning}

    def text(self, row: Row) -> str:
        """The question, and the text around its answer."""
        around = max(0, (row["starts"] or [0])[0] - 80)
        return f"{row['question']}\n…{row['context'][around : around + 200]}…"

    def passage(self, row: Row) -> str:
        """The question, and the whole text."""
        return f"{row['question']}\n{row['context']}"

    def truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """The first true answer."""
        return str(row["answers"][0])

    def given(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """The answer."""
        return str(row["predicted"])

    def checked(self, task: Task) -> Task:
        """Answers stand where they are said to."""
        for part in task.parts.values():
            for context, answers, starts, origin in part.select("context", "answers", "starts", "origin").iter_rows():
                for answer, start in zip(answers, starts, strict=True):
                    if start != -1 and not context.startswith(answer, start):
                        raise StageFailure(
                            f"{origin}: the answer {answer!r} is not at character {start} of the text",
                            "Correct answer_start, counted in characters from 0",
                        )
        return super().checked(task)
