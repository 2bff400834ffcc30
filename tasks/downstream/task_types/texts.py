"""A text for a text: its summary, its translation, the reply to it, its title."""

import re
from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import copy, is_spaceless, lead, nearest
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score, mean_of
from tasks.downstream.metrics.generation import generation_scores
from tasks.downstream.task_types import Kind, Row, drawn
from tasks.errors import StageFailure

EACH = 10
CUTS = ("source_cut", "target_cut", "unended")
KANA = re.compile("[\u3041-\u30ff]")


class Texts(Kind):
    """Rows: `text`, `wanted` (references, one at least; the first is learnt from). Answers: `written`.

    Of models also, for each example: `source_cut` and `target_cut`, whether the text or its reference is longer than
    what the model reads and writes, and `unended`, whether it had not ended what it wrote by then.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "wanted": pl.List(pl.String())}
    metrics = ("rougeL", "rouge1", "rouge2", "chrf", "bleu")
    titles: ClassVar[dict[str, str]] = {
        "rougeL": "ROUGE-L",
        "rouge1": "ROUGE-1",
        "rouge2": "ROUGE-2",
        "chrf": "chrF",
        "bleu": "BLEU",
    }
    per_label = f"× {EACH} examples"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Ten times so many examples."""
        return drawn(task, labels * EACH, seed)

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Against all references; and the shares of what was cut."""
        references = rows["wanted"].to_list()
        scores = generation_scores(references, answers["written"].to_list(), bleu_tokenizer(references))
        for name in CUTS:
            cut = answers[name].to_numpy() if name in answers else np.zeros(len(answers))
            scores[name] = mean_of(cut.astype(np.float64))
        return scores

    @property
    def baselines(self) -> dict[str, Baseline]:
        """How the text begins, what the most similar example has, and the text as it is."""
        return {"lead": lead, "nearest": nearest, "copy": copy}

    def text(self, row: Row) -> str:
        """The source."""
        return str(row["text"])

    def passage(self, row: Row) -> str:
        """The source and its targets."""
        return "\n".join([row["text"], *row["wanted"]])

    def truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """The first reference."""
        return str(row["wanted"][0])

    def given(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """What was written."""
        return str(row["written"])

    def checked(self, task: Task) -> Task:
        """A reference for every text, and none of them empty."""
        for part in task.parts.values():
            for wanted, origin in part.select("wanted", "origin").iter_rows():
                if not wanted or not all(each.strip() for each in wanted):
                    raise StageFailure(f"{origin}: the target is empty", "Fill it, or take the row out")
        return super().checked(task)


def bleu_tokenizer(references: list[list[str]]) -> str:
    """What sacrebleu splits words by: `zh` for Chinese, each character for Japanese, else its default."""
    texts = [text for each in references[:200] for text in each]
    if not is_spaceless(texts):
        return "13a"
    return "char" if KANA.search("".join(texts)) else "zh"
