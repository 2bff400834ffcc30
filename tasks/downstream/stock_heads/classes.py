"""Classification of a text or of a pair by AutoModelForSequenceClassification."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
from transformers import AutoModelForSequenceClassification

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import Example, compute_class_weights, tokenize_texts
from tasks.downstream.heads.classes import ClassAnswers
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.stock_heads import StockModel


class StockClassModel(ClassAnswers, StockModel):
    """A logit for each class."""

    auto_class: ClassVar[Any] = AutoModelForSequenceClassification

    @classmethod
    def list_config_changes(cls, task: Task) -> dict[str, Any]:
        """Return the names of the classes."""
        return name_labels(task.names) | {"problem_type": "single_label_classification"}

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:  # noqa: ARG002
        """Tokenize the texts, by the tokenizer that is saved with the model; the class is the target."""
        ids, _ = tokenize_texts(self.tokenizer, rows, "joint")
        return [Example(text_ids, [], [], label) for text_ids, label in zip(ids, rows["label"], strict=True)]

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Compute the classes' weights."""
        targets = [example.target for example in examples]
        self.weights = compute_class_weights(targets, len(self.task.names), self.finetuning)


def name_labels(names: list[str]) -> dict[str, Any]:
    """Return the configuration's entries for names of labels."""
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
    }
