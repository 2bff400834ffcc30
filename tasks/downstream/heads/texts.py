"""Text generation: a text for a text, token by token, by the model's own language-model head.

While it is fitted, validation is by the likelihood of the true texts, in one pass: generating them takes a pass a
token, and what a model generates that has hardly learnt anything scores by chance.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import polars as pl
import torch
from torch import Tensor

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import Example, TaskModel, check_adaptation
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, batch_by_length, load_config
from tasks.downstream.models.generator import TextGenerator, check_can_generate, limit_lengths
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure


class TargetText(NamedTuple):
    """The token ids to generate for a text, and whether source and target were truncated."""

    ids: list[int]
    source_cut: bool
    target_cut: bool


class TextGenerationModel(TaskModel):
    """A generator that is trained on the first reference (teacher forcing), and then generates on its own."""

    answer_schema: ClassVar[dict[str, Any]] = {
        "written": pl.String,
        "source_cut": pl.Boolean,
        "target_cut": pl.Boolean,
        "unended": pl.Boolean,
    }

    def __init__(
        self, generator: TextGenerator, tokenizer: CheckpointTokenizer, task: Task, finetuning: FineTuning
    ) -> None:
        super().__init__()
        finetuning.method.chosen.apply(generator)
        self.generator, self.tokenizer, self.task, self.finetuning = generator, tokenizer, task, finetuning
        self.max_source_length, self.max_target_length = limit_lengths(
            generator.body.config,
            tokenizer.max_length,
            finetuning.max_target_length,
            finetuning.method.chosen.reserved_positions,
        )

    @classmethod
    def check_support(cls, checkpoint: Path, finetuning: FineTuning) -> None:
        """Raise StageFailure for a model that cannot generate, end a text, hold both texts, or be adapted."""
        check_can_generate(checkpoint)
        reserved = finetuning.method.chosen.reserved_positions
        end_id = find_end_token(CheckpointTokenizer(checkpoint, finetuning.max_length, reserved), checkpoint)
        limit_lengths(load_config(checkpoint), finetuning.max_length, finetuning.max_target_length, reserved)
        check_adaptation(TextGenerator.load(checkpoint, end_id, random=False, seed=0), finetuning)

    @classmethod
    def load(cls, checkpoint: Path, task: Task, finetuning: FineTuning, *, random: bool, seed: int) -> Self:
        """Load the model with its language-model head."""
        tokenizer = CheckpointTokenizer(checkpoint, finetuning.max_length, finetuning.method.chosen.reserved_positions)
        end_id = find_end_token(tokenizer, checkpoint)
        generator = TextGenerator.load(checkpoint, end_id, random=random, seed=seed)
        return cls(generator, tokenizer, task, finetuning)

    @property
    def backbone(self) -> TextGenerator:
        """The generator."""
        return self.generator

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize both texts, the target with the same special tokens as the source."""
        sources = tokenizer.encode_untruncated(rows["text"].to_list())
        targets = tokenizer.encode_untruncated([references[0] for references in rows["wanted"].to_list()])
        examples = []
        for source, target in zip(sources, targets, strict=True):
            source_ids, source_cut = truncate_with_end(source, self.max_source_length, self.generator.end_id)
            target_ids, target_cut = truncate_with_end(target, self.max_target_length, self.generator.end_id)
            examples.append(Example(source_ids, [], [], TargetText(target_ids, source_cut, target_cut)))
        return examples

    def compute_loss(self, batch: Sequence[Example]) -> Tensor:
        """Return the mean loss of the targets' tokens, with gradients."""
        return self._compute_token_losses(batch).mean()

    @torch.no_grad()
    def validate(self, examples: Sequence[Example]) -> tuple[float, float]:
        """Return the loss, and the geometric mean of the likelihoods of the targets' tokens."""
        self.eval()
        losses = [self._compute_token_losses([examples[row] for row in rows]) for rows in _batch_by_length(examples)]
        loss = float(torch.cat(losses).double().mean())
        return loss, math.exp(-loss)

    def evaluate(self, examples: Sequence[Example]) -> tuple[float, pl.DataFrame]:
        """Return the mean loss, and the texts that the model generates."""
        loss, _ = self.validate(examples)
        return loss, self.write_texts(examples)

    @torch.no_grad()
    def write_texts(self, examples: Sequence[Example]) -> pl.DataFrame:
        """Return the texts that the model generates, in the examples' order."""
        self.eval()
        answers: dict[int, tuple[Any, ...]] = {}
        for rows in _batch_by_length(examples):
            batch = [examples[row] for row in rows]
            sources = [example.ids for example in batch]
            outputs = self.generator.generate(sources, self.max_target_length, self.finetuning.num_beams)
            texts = self.tokenizer.hf_tokenizer.batch_decode(
                outputs, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            for row, text, ids, example in zip(rows.tolist(), texts, outputs, batch, strict=True):
                target: TargetText = example.target
                unended = ids[-1:] != [self.generator.end_id]
                answers[row] = (text.strip(), target.source_cut, target.target_cut, unended)
        ordered = [answers[row] for row in range(len(examples))]
        return pl.DataFrame(ordered, schema=self.answer_schema, orient="row")

    def _compute_token_losses(self, batch: Sequence[Example]) -> Tensor:
        return self.generator.compute_losses(
            [example.ids for example in batch], [example.target.ids for example in batch]
        )


def truncate_with_end(ids: list[int], max_length: int, end_id: int) -> tuple[list[int], bool]:
    """Return at most `max_length` token ids with the end token last, and whether some were cut off."""
    # Some tokenizers append the end token themselves.
    text = ids[:-1] if ids[-1:] == [end_id] else ids
    return [*text[: max_length - 1], end_id], len(text) > max_length - 1


def find_end_token(tokenizer: CheckpointTokenizer, checkpoint: Path) -> int:
    """Return the id of the token that ends a text. Raises StageFailure when there is none."""
    candidates = (tokenizer.hf_tokenizer.eos_token_id, tokenizer.hf_tokenizer.sep_token_id)
    end_id = next((token_id for token_id in candidates if token_id is not None), None)
    if end_id is None:
        raise StageFailure(
            f"the tokenizer in {checkpoint} has no end token, so its model could not end a text",
            "Name one as eos_token in tokenizer_config.json, or switch off evaluate.benchmarks.text_to_text",
        )
    return int(end_id)


def _batch_by_length(examples: Sequence[Example]) -> list[Any]:
    return batch_by_length([example.ids for example in examples], EVALUATION_BATCH_SIZE)
