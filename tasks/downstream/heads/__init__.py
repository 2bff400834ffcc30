"""Models that are fine-tuned, one file a task type: most are a linear head on an encoder's standardised features.

A model predicts units: an example is one unit, or each of its words, or each token of its windows.

Shapes: B examples of a batch, M units of a batch, F features, K outputs.
"""

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import polars as pl
import torch
from torch import Tensor, nn

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.backbone import Backbone
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer, TokenIds
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, Encoder, batch_by_length, load_encoder, pad_batch
from tasks.downstream.models.layers import find_layers
from tasks.downstream.settings.finetuning import FineTuning, HeadKind
from tasks.downstream.task_types import load_task_type

NUM_SCALING_EXAMPLES = 256
STOCK_HEADS = "tasks.downstream.stock_heads"
"""the package of the heads that transformers has, which imports this one"""


@dataclass(frozen=True)
class Example:
    """An example as a model reads it."""

    ids: list[int]
    second_ids: list[int]
    """token ids of a second text that is encoded separately; else empty"""
    spans: list[tuple[int, int]]
    """token spans (start, end) of the units that are predicted or marked; empty where the unit is the complete text"""
    target: Any
    """the answer to train on"""
    features: Tensor | None = field(default=None, compare=False)
    """features of its units (M, F), where a frozen encoder has read it already"""


class TaskModel(nn.Module, ABC):
    """A model that is fine-tuned on a task: it tokenizes the examples, is trained on them and answers them."""

    answer_schema: ClassVar[dict[str, Any]]
    """the columns of answers"""
    task: Task

    @classmethod
    def check_support(cls, checkpoint: Path, finetuning: FineTuning) -> None:
        """Raise StageFailure when the checkpoint lacks what the task type or the settings need."""

    @classmethod
    @abstractmethod
    def load(cls, checkpoint: Path, task: Task, finetuning: FineTuning, *, random: bool, seed: int) -> Self:
        """Load the model with the checkpoint's weights, or with new random ones."""

    @property
    @abstractmethod
    def backbone(self) -> Backbone:
        """The part of the model that comes from the checkpoint."""

    @abstractmethod
    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize rows of the task."""

    def select_learnable(self, examples: list[Example]) -> list[Example]:
        """Return the examples that the loss depends on."""
        return examples

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Make the parts of the model that depend on the training examples."""

    @abstractmethod
    def compute_loss(self, batch: Sequence[Example]) -> Tensor:
        """Return the mean loss of a batch, with gradients."""

    @abstractmethod
    def evaluate(self, examples: Sequence[Example]) -> tuple[float, pl.DataFrame]:
        """Return the mean loss and all answers, in the examples' order, without gradients."""

    def validate(self, examples: Sequence[Example]) -> tuple[float, float]:
        """Return loss and score on the validation part, by which settings are chosen."""
        loss, answers = self.evaluate(examples)
        kind = load_task_type(self.task)
        return loss, kind.score_answers(self.task, self.task.validation, answers)[kind.metrics[0]].value


class ScoringModel(TaskModel):
    """A model that gives outputs for units, from which losses and answers follow."""

    @abstractmethod
    def compute_outputs(self, batch: Sequence[Example]) -> Tensor:
        """Return the outputs of all units (M, K)."""

    @abstractmethod
    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the mean loss of outputs (M, K)."""

    @abstractmethod
    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """Return the answer to every example from outputs (M, K), in the columns of `answer_schema`."""

    def compute_loss(self, batch: Sequence[Example]) -> Tensor:
        """Return the mean loss of a batch, with gradients."""
        return self.compute_output_loss(self.compute_outputs(batch), batch)

    @torch.no_grad()
    def evaluate(self, examples: Sequence[Example]) -> tuple[float, pl.DataFrame]:
        """Return the mean loss and all answers, in the examples' order, without gradients."""
        self.eval()
        total = 0.0
        answers: dict[int, tuple[Any, ...]] = {}
        for rows in self.batch_by_length(examples):
            batch = [examples[row] for row in rows]
            outputs = self.compute_outputs(batch)
            # A mean loss, weighted by the size of its batch.
            total += float(self.compute_output_loss(outputs, batch)) * len(batch)
            answers |= dict(zip(rows.tolist(), self.decode_answers(outputs, batch), strict=True))
        # batches are by length; answers go back to the order of the rows
        ordered = [answers[row] for row in range(len(examples))]
        return total / len(examples), pl.DataFrame(ordered, schema=self.answer_schema, orient="row")

    def batch_by_length(self, examples: Sequence[Example]) -> list[Any]:
        """Return the rows of batches of examples of similar length."""
        return batch_by_length([[*example.ids, *example.second_ids] for example in examples], EVALUATION_BATCH_SIZE)


class Head(ScoringModel):
    """An encoder and a linear layer, which begins at zero, so with uniform predictions."""

    def __init__(self, encoder: Encoder, task: Task, finetuning: FineTuning) -> None:
        """Apply the adaptation method to the encoder; `prepare_training` makes the linear layer."""
        super().__init__()
        finetuning.method.chosen.apply(encoder)
        self.encoder, self.task, self.finetuning = encoder, task, finetuning
        self.head: nn.Linear
        self.mean: Tensor
        self.deviation: Tensor

    @classmethod
    def check_support(cls, checkpoint: Path, finetuning: FineTuning) -> None:
        """Raise StageFailure when the adaptation method or the layer decay does not suit the checkpoint."""
        CheckpointTokenizer(checkpoint, finetuning.max_length, finetuning.method.chosen.reserved_positions)
        check_adaptation(load_encoder(checkpoint, random=False, seed=0), finetuning)

    @classmethod
    def load(cls, checkpoint: Path, task: Task, finetuning: FineTuning, *, random: bool, seed: int) -> Self:
        """Load the checkpoint's model without its own head."""
        return cls(load_encoder(checkpoint, random=random, seed=seed), task, finetuning)

    @property
    def backbone(self) -> Encoder:
        """The encoder."""
        return self.encoder

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """The number of outputs of the layer for each unit, K."""

    @abstractmethod
    def encode(self, batch: Sequence[Example]) -> Tensor:
        """Compute the features of all units with the encoder (M, F)."""

    def count_units(self, example: Example) -> int:  # noqa: ARG002 - most heads predict one unit an example
        """Return the number of rows that `encode` gives for an example."""
        return 1

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Make the layer, and estimate the features' scales from training examples.

        The states' scales differ by orders of magnitude, and by other ones in random weights. `NUM_SCALING_EXAMPLES`
        examples at equal distances estimate them as well as all examples do.
        """
        # every n-th example: a sample's examples stand in order of their classes
        some = examples[:: -(-len(examples) // NUM_SCALING_EXAMPLES)]
        with torch.no_grad():
            self.encoder.eval()
            features = [self.get_features([some[row] for row in rows]) for rows in self.batch_by_length(some)]
        features_MF = torch.cat(features)
        # buffers: part of the model, but not trained
        self.register_buffer("mean", features_MF.mean(0))
        self.register_buffer("deviation", features_MF.std(0, unbiased=False).clamp(min=1e-6))
        self.head = nn.Linear(features_MF.shape[1], self.num_outputs)
        # Zeros: a linear layer alone has no symmetry to break, and its start does not depend on a seed.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def get_features(self, batch: Sequence[Example]) -> Tensor:
        """Return the features of all units (M, F): those that the examples bring, else computed by the encoder."""
        features = [example.features for example in batch if example.features is not None]
        return torch.cat(features) if len(features) == len(batch) else self.encode(batch)

    def compute_outputs(self, batch: Sequence[Example]) -> Tensor:
        """Return the outputs of all units (M, K)."""
        outputs: Tensor = self.head((self.get_features(batch) - self.mean) / self.deviation)
        return outputs


def check_adaptation(model: Backbone, finetuning: FineTuning) -> None:
    """Raise StageFailure for a model that the adaptation method, or learning rates by layer, do not suit."""
    finetuning.method.chosen.apply(model)
    if finetuning.layer_decay != 1:
        find_layers(model.body)


def compute_class_weights(targets: Sequence[int], num_classes: int, finetuning: FineTuning) -> Tensor | None:
    """Return a weight for each class, inverse to its frequency; None where all are equal.

    A class without an example has the weight 1. The rule of scikit-learn's "balanced": King and Zeng, "Logistic
    regression in rare events data", 2001.
    """
    if finetuning.class_weights == "equal":
        return None
    counts = torch.bincount(torch.tensor(targets), minlength=num_classes).float()
    return torch.where(counts > 0, len(targets) / (num_classes * counts.clamp(min=1)), torch.ones(num_classes))


def pool_texts(encoder: Encoder, batch: Sequence[Example]) -> Tensor:
    """Return features of complete texts (B, F); of two separate ones both, their distance and their product (B, 4F).

    The four parts: Conneau et al., "Supervised learning of universal sentence representations", 2017, section 3.1.
    """
    one: Tensor = encoder(pad_batch([example.ids for example in batch]))
    if not any(example.second_ids for example in batch):
        return one
    other: Tensor = encoder(pad_batch([example.second_ids for example in batch]))
    return torch.cat([one, other, (one - other).abs(), one * other], 1)


def tokenize_texts(tokenizer: CheckpointTokenizer, rows: pl.DataFrame, pair_encoding: str) -> tuple[TokenIds, TokenIds]:
    """Return token ids of the texts, and of the second ones where they are encoded separately."""
    texts, seconds = rows["text"].to_list(), rows["second"].to_list()
    if not any(seconds):
        return tokenizer(texts), [[] for _ in texts]
    if pair_encoding == "separate":
        return tokenizer(texts), tokenizer(seconds)
    return tokenizer(texts, seconds), [[] for _ in texts]


def find_model_class(task: Task, head: HeadKind) -> type[TaskModel]:
    """Return the model class for a task's type: the one in `tasks.downstream.heads.<name>`, or of the stock heads.

    A type without a stock head of its own has its only head there, as that of text generation is a stock one already.
    """
    package = STOCK_HEADS if head == "stock" else __name__
    if package == STOCK_HEADS and importlib.util.find_spec(f"{STOCK_HEADS}.{task.kind}") is None:
        package = __name__
    module = importlib.import_module(f"{package}.{task.kind}")
    (model_class,) = [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, TaskModel) and member.__module__ == module.__name__
    ]
    return model_class


def make_head(encoder: Encoder, task: Task, finetuning: FineTuning) -> Head:
    """Make the head of all layers for a task's type on an encoder."""
    head_class = find_model_class(task, "all_layers")
    assert issubclass(head_class, Head)
    return head_class(encoder, task, finetuning)
