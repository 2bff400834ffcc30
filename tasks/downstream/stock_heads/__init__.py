"""Models with a stock head: transformers' own class for a task, which opens without Textmill. One file a task type.

Two texts are read as one. The output is pooled as the family's class does it: BERT's and RoBERTa's first token,
ModernBERT's mean, a decoder's last token.

Shapes: B examples of a batch, M units of a batch, K outputs, T tokens.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import Example, ScoringModel, check_adaptation
from tasks.downstream.models.backbone import Backbone
from tasks.downstream.models.encoder import load_config
from tasks.downstream.models.stock_model import load_stock_model, pad_inputs
from tasks.downstream.models.stock_tokenizer import StockTokenizer
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure
from tasks.model.load_from_folder import load_model_from_folder


class StockModel(ScoringModel):
    """A model of one of transformers' classes for tasks, with the tokenizer that is saved with it."""

    auto_class: ClassVar[Any]
    """the Auto class of transformers that opens it"""

    def __init__(self, stock: Any, tokenizer: StockTokenizer, task: Task, finetuning: FineTuning) -> None:
        """Apply the adaptation method to the body; the head is trained whole, whatever the method."""
        super().__init__()
        self.stock, self.tokenizer, self.task, self.finetuning = stock, tokenizer, task, finetuning
        body = stock.base_model
        body_weights = {id(weight) for name, weight in body.named_parameters() if "pooler" not in name}
        # a class without a body of its own, as T5's for questions, is adapted as a whole
        head_weights = [weight for weight in stock.parameters() if id(weight) not in body_weights]
        self._backbone = Backbone(body)
        finetuning.method.chosen.apply(self._backbone)
        for weight in head_weights:
            weight.requires_grad_(True)

    @classmethod
    def check_support(cls, checkpoint: Path, finetuning: FineTuning) -> None:
        """Raise StageFailure when the checkpoint has no such class, or the method or layer decay does not suit it."""
        if finetuning.method.chosen.reserved_positions:
            raise StageFailure(
                f"{finetuning.method.kind} tuning has no place in transformers' own classes for tasks",
                "Choose another evaluate.finetuning.method.kind, such as lora, or evaluate.finetuning.head=all_layers",
            )
        StockTokenizer(checkpoint, finetuning.max_length)
        changes = {"num_labels": 2}
        model = load_stock_model(checkpoint, cls.auto_class, changes, random=False, seed=0)
        check_adaptation(Backbone(model.base_model), finetuning)

    @classmethod
    def load(cls, checkpoint: Path, task: Task, finetuning: FineTuning, *, random: bool, seed: int) -> Self:
        """Load the checkpoint's body under a new head."""
        tokenizer = cls.load_tokenizer(checkpoint, finetuning.max_length)
        changes = cls.list_config_changes(task) | {"pad_token_id": tokenizer.pad_id}
        model = load_stock_model(checkpoint, cls.auto_class, changes, random=random, seed=seed)
        return cls(model, tokenizer, task, finetuning)

    @classmethod
    def open(cls, folder: Path, task: Task, finetuning: FineTuning) -> Self:
        """Open a fine-tuned model's folder, of ours or of others, to answer with it."""
        tokenizer = cls.load_tokenizer(folder, finetuning.max_length)
        model = load_model_from_folder(cls.auto_class, folder, dtype="float32")
        # the weights are those of the folder: no method has anything to add
        return cls(
            model, tokenizer, task, finetuning.model_copy(update={"method": type(finetuning.method)(kind="full")})
        )

    @classmethod
    def load_tokenizer(cls, folder: Path, max_length: int) -> StockTokenizer:
        """Load the tokenizer, with an end behind each text for an encoder–decoder, whose head reads the end's state."""
        config = load_config(folder)
        return StockTokenizer(folder, max_length, ends_texts=bool(config.is_encoder_decoder))

    @classmethod
    @abstractmethod
    def list_config_changes(cls, task: Task) -> dict[str, Any]:
        """Return the entries of the configuration that a task decides."""

    @property
    def backbone(self) -> Backbone:
        """The model without its head."""
        return self._backbone

    def run_stock(self, ids: list[list[int]]) -> Any:
        """Return the output of transformers' class for encoded texts."""
        types = [self.tokenizer.find_token_types(row) for row in ids]
        return self.stock(**pad_inputs(ids, types, self.tokenizer.pad_id))

    def compute_outputs(self, batch: Sequence[Example]) -> Tensor:
        """Return the logits of every text (B, K)."""
        logits_BK: Tensor = self.run_stock([example.ids for example in batch]).logits
        return logits_BK

    def finish_training(self) -> None:
        """Bring the weights into the form in which stock code gives the answers; none by default."""
