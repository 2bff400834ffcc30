"""Generation of a text from a text: summary, translation, reply, title."""

import re
from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import (
    is_spaceless,
    write_first_words,
    write_nearest_target,
    write_source_text,
)
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score, mean_score
from tasks.downstream.metrics.generation import score_generations
from tasks.downstream.task_types import EXAMPLES_PER_LABEL, ReferenceTask, Row
from tasks.errors import StageFailure

TRUNCATIONS = ("source_cut", "target_cut", "unended")
KANA = re.compile("[\u3041-\u30ff]")
# letters, vowel signs and tone marks of scripts that write no space between words, where 13a would find one word
SOUTH_EAST_ASIAN = re.compile("[\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff\u0f00-\u0fff]")


class GenerationTask(ReferenceTask):
    """Text generation.

    Rows: `text`, `wanted` (one or more references; the first is learnt from). Answers: `written`.

    Models also answer, for each example: `source_cut` and `target_cut`, whether the text or its reference is longer
    than the model reads and writes, and `unended`, whether it stopped at the length limit.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "wanted": pl.List(pl.String())}
    metrics = ("rougeL", "rouge1", "rouge2", "chrf", "bleu")
    metric_titles: ClassVar[dict[str, str]] = {
        "rougeL": "ROUGE-L",
        "rouge1": "ROUGE-1",
        "rouge2": "ROUGE-2",
        "chrf": "chrF",
        "bleu": "BLEU",
    }
    label_unit = f"× {EXAMPLES_PER_LABEL} examples"
    references, answer = "wanted", "written"

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score against all references, and the fractions of truncated examples."""
        references = rows["wanted"].to_list()
        scores = score_generations(references, answers["written"].to_list(), choose_bleu_tokenizer(references))
        for name in TRUNCATIONS:
            truncated = answers[name].to_numpy() if name in answers else np.zeros(len(answers))
            scores[name] = mean_score(truncated.astype(np.float64))
        return scores

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The beginning of the text, the target of the most similar example, and the text itself."""
        return {"lead": write_first_words, "nearest": write_nearest_target, "copy": write_source_text}

    def format_question(self, row: Row) -> str:
        """Return the source."""
        return str(row["text"])

    def format_test_text(self, row: Row) -> str:
        """Return the source and its references."""
        return "\n".join([row["text"], *row["wanted"]])

    def validate(self, task: Task) -> Task:
        """Require a reference for every text, and none of them empty."""
        for part in task.parts.values():
            for references, origin in part.select("wanted", "origin").iter_rows():
                if not references or not all(reference.strip() for reference in references):
                    raise StageFailure(f"{origin}: the target is empty", "Fill it, or take the row out")
        return super().validate(task)


def choose_bleu_tokenizer(references: list[list[str]]) -> str:
    """Return sacrebleu's tokenizer for the texts: `zh`, `char` or its default, `13a`.

    `zh` is for Chinese. Texts in other scripts without spaces (Japanese, Thai, Lao, Khmer, Burmese, Tibetan) are scored
    by characters, as sacrebleu's `--tokenize char` does.
    """
    texts = [text for texts_of_row in references[:200] for text in texts_of_row]
    sample = "".join(texts)
    if len(SOUTH_EAST_ASIAN.findall(sample)) > 0.2 * len(sample):
        return "char"
    if not is_spaceless(texts):
        return "13a"
    return "char" if KANA.search(sample) else "zh"
