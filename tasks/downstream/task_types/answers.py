"""Questions whose answers are spans of a text."""

from typing import ClassVar

import polars as pl

from tasks.downstream.baselines.baselines import answer_with_beginning, answer_with_likeliest_clause
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.answers import score_span_answers
from tasks.downstream.task_types import EXAMPLES_PER_LABEL, ReferenceTask, Row
from tasks.errors import StageFailure


class SpanAnswerTask(ReferenceTask):
    """Extractive question answering.

    Rows: `question`, `context`, `answers`, `starts` (the character of the context where each answer begins, or -1).
    Answers: `predicted`, a text.

    A question that cannot be answered has the empty text as its answer. An answer at -1 is worded differently than the
    context: it counts when answers are scored, and is not learnt from.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {
        "question": pl.String(),
        "context": pl.String(),
        "answers": pl.List(pl.String()),
        "starts": pl.List(pl.Int32()),
    }
    metrics = ("f1", "exact_match")
    metric_titles: ClassVar[dict[str, str]] = {"f1": "answer F1", "exact_match": "exact match"}
    label_unit = f"× {EXAMPLES_PER_LABEL} questions"
    references, answer = "answers", "predicted"

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score each answer against the best of the true ones."""
        return score_span_answers(rows["answers"].to_list(), answers["predicted"].to_list())

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The clause with most of the question's words, and the beginning of the text."""
        return {"clause": answer_with_likeliest_clause, "beginning": answer_with_beginning}

    def format_question(self, row: Row) -> str:
        """Return the question, and 200 characters of the context around its first answer."""
        start = max(0, (row["starts"] or [0])[0] - 80)
        return f"{row['question']}\n…{row['context'][start : start + 200]}…"

    def format_test_text(self, row: Row) -> str:
        """Return the question and the complete context."""
        return f"{row['question']}\n{row['context']}"

    def format_complete_question(self, row: Row) -> str:
        """Return the question and the complete context."""
        return self.format_test_text(row)

    def validate(self, task: Task) -> Task:
        """Require that every answer is in its context where `starts` says."""
        for part in task.parts.values():
            for context, answers, starts, origin in part.select("context", "answers", "starts", "origin").iter_rows():
                for answer, start in zip(answers, starts, strict=True):
                    if start != -1 and not context.startswith(answer, start):
                        raise StageFailure(
                            f"{origin}: the answer {answer!r} is not at character {start} of the text",
                            "Correct answer_start, counted in characters from 0",
                        )
        return super().validate(task)
