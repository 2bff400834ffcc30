"""Regression by AutoModelForSequenceClassification with one label, whose logit is the number itself."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from transformers import AutoModelForSequenceClassification

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import Example, tokenize_texts
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.stock_heads import StockModel

NUM_CENTRING_EXAMPLES = 64
"""training examples that a head without a bias gets its first weights from"""


class StockNumberModel(StockModel):
    """One output. It is trained on numbers of mean 0 and deviation 1; the scale goes into the weights at the end."""

    auto_class: ClassVar[Any] = AutoModelForSequenceClassification
    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.Float64}
    shift, scale = 0.0, 1.0
    """the number is the output times `scale` plus `shift`"""

    @classmethod
    def list_config_changes(cls, task: Task) -> dict[str, Any]:  # noqa: ARG003 - one signature for all types
        """Return the configuration of one number."""
        return {"num_labels": 1, "id2label": {0: "number"}, "label2id": {"number": 0}, "problem_type": "regression"}

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:  # noqa: ARG002
        """Tokenize the texts, by the tokenizer that is saved with the model; the number is the target."""
        ids, _ = tokenize_texts(self.tokenizer, rows, "joint")
        return [Example(text_ids, [], [], number) for text_ids, number in zip(ids, rows["number"], strict=True)]

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Compute the scale of the targets, so that one set of learning rates suits every unit of measurement."""
        targets = torch.tensor([example.target for example in examples], dtype=torch.float64)
        mean, self.scale = float(targets.mean()), max(float(targets.std(unbiased=False)), 1e-6)
        if self.output_layer.bias is not None:
            self.shift = mean
        else:
            self._centre_output([*examples[:: -(-len(examples) // NUM_CENTRING_EXAMPLES)]], mean / self.scale)

    @torch.no_grad()
    def _centre_output(self, examples: list[Example], mean: float) -> None:
        """Let a layer without bias begin with the mean: on the direction that the texts' states have in common."""
        states: list[Tensor] = []
        hook = self.output_layer.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0]))
        self.eval()
        for example in examples:
            self.run_stock([example.ids])
        hook.remove()
        # of a decoder the layer reads every token, and its last one counts
        state_D = torch.stack([state.reshape(-1, state.shape[-1])[-1] for state in states]).mean(0)
        self.output_layer.weight.copy_(mean * state_D / state_D.square().sum().clamp(min=1e-12))

    @property
    def output_layer(self) -> Any:
        """The last layer of the head, which has one output."""
        layers = [layer for layer in self.stock.modules() if isinstance(layer, nn.Linear) and layer.out_features == 1]
        return layers[-1]

    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the mean squared error, in deviations of the training examples."""
        targets = [(example.target - self.shift) / self.scale for example in batch]
        return mse_loss(outputs[:, 0], torch.tensor(targets, dtype=outputs.dtype))

    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:  # noqa: ARG002
        """Return the predicted number of every example."""
        return [(value * self.scale + self.shift,) for value in outputs[:, 0].double().tolist()]

    @torch.no_grad()
    def finish_training(self) -> None:
        """Put the scale into the weights of the last layer, so that its output is the number."""
        layer = self.output_layer
        layer.weight.mul_(self.scale)
        if layer.bias is not None:
            layer.bias.mul_(self.scale).add_(self.shift)
        self.scale, self.shift = 1.0, 0.0
