"""A text for a text, token by token, by the model's own head over its vocabulary.

While it is fitted, validation is by the likelihood of the true texts, in one pass: writing them takes a pass a token,
and what a model writes that has hardly learnt anything scores by chance.
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
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, CheckpointTokenizer, batch_by_length, load_config
from tasks.downstream.models.generator import TextGenerator, check_can_generate, limit_lengths
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure


class TargetText(NamedTuple):
    """What to write for a text."""

    ids: list[int]
    source_cut: bool
    target_cut: bool


class TextGenerationModel(TaskModel):
    """Learns the first reference with the true tokens before each (teacher forcing), then writes by itself."""

    answer_schema: ClassVar[dict[str, Any]] = {
        "written": pl.String,
        "source_cut": pl.Boolean,
        "target_cut": pl.Boolean,
        "unended": pl.Boolean,
    }

    def __init__(self, writer: TextGenerator, tokens: CheckpointTokenizer, task: Task, recipe: FineTuning) -> None:
        super().__init__()
        recipe.adapt.chosen.apply(writer)
        self.writer, self.tokens, self.task, self.recipe = writer, tokens, task, recipe
        self.most_source, self.most_target = limit_lengths(
            writer.body.config, tokens.length, recipe.max_target, recipe.adapt.chosen.places
        )

    @classmethod
    def check(cls, checkpoint: Path, recipe: FineTuning) -> None:
        """It must write, know when a text has ended, have room for both texts, and take the way to adapt."""
        check_can_generate(checkpoint)
        places = recipe.adapt.chosen.places
        end = find_end_token(CheckpointTokenizer(checkpoint, recipe.max_length, places), checkpoint)
        limit_lengths(load_config(checkpoint), recipe.max_length, recipe.max_target, places)
        check_adaptation(TextGenerator.load(checkpoint, end, random=False, seed=0), recipe)

    @classmethod
    def loaded(cls, checkpoint: Path, task: Task, recipe: FineTuning, *, random: bool, seed: int) -> Self:
        """The model with its head over the vocabulary."""
        tokens = CheckpointTokenizer(checkpoint, recipe.max_length, recipe.adapt.chosen.places)
        writer = TextGenerator.load(checkpoint, find_end_token(tokens, checkpoint), random=random, seed=seed)
        return cls(writer, tokens, task, recipe)

    @property
    def backbone(self) -> TextGenerator:
        """What reads and writes."""
        return self.writer

    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Both texts, the target's special tokens as the source's."""
        sources = tokens.whole(rows["text"].to_list())
        targets = tokens.whole([wanted[0] for wanted in rows["wanted"].to_list()])
        made = []
        for source, target in zip(sources, targets, strict=True):
            read, source_cut = truncate_with_end(source, self.most_source, self.writer.end)
            wanted, target_cut = truncate_with_end(target, self.most_target, self.writer.end)
            made.append(Example(read, [], [], TargetText(wanted, source_cut, target_cut)))
        return made

    def loss(self, batch: Sequence[Example]) -> Tensor:
        """The mean over the targets' tokens."""
        return self._losses(batch).mean()

    @torch.no_grad()
    def validated(self, examples: Sequence[Example]) -> tuple[float, float]:
        """The loss, and the geometric mean of the likelihoods of the targets' tokens."""
        self.eval()
        parts = [self._losses([examples[row] for row in rows]) for rows in _batch_by_length(examples)]
        loss = float(torch.cat(parts).double().mean())
        return loss, math.exp(-loss)

    def judged(self, examples: Sequence[Example]) -> tuple[float, pl.DataFrame]:
        """The loss, and what the model writes."""
        loss, _ = self.validated(examples)
        answers: dict[int, tuple[Any, ...]] = {}
        for rows in _batch_by_length(examples):
            batch = [examples[row] for row in rows]
            ids = self.writer.written([each.ids for each in batch], self.most_target, self.recipe.beams)
            texts = self.tokens.tokenizer.batch_decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            for row, text, tokens, each in zip(rows.tolist(), texts, ids, batch, strict=True):
                target: TargetText = each.target
                unended = tokens[-1:] != [self.writer.end]
                answers[row] = (text.strip(), target.source_cut, target.target_cut, unended)
        told = [answers[row] for row in range(len(examples))]
        return loss, pl.DataFrame(told, schema=self.answer_schema, orient="row")

    def _losses(self, batch: Sequence[Example]) -> Tensor:
        return self.writer.losses([each.ids for each in batch], [each.target.ids for each in batch])


def truncate_with_end(ids: list[int], most: int, end: int) -> tuple[list[int], bool]:
    """Token ids with the end token behind them, at most so many; and whether some were cut off."""
    text = ids[:-1] if ids[-1:] == [end] else ids
    return [*text[: most - 1], end], len(text) > most - 1


def find_end_token(tokens: CheckpointTokenizer, checkpoint: Path) -> int:
    """The token that ends a text. Raises StageFailure when there is none."""
    ends = (tokens.tokenizer.eos_token_id, tokens.tokenizer.sep_token_id)
    found = next((each for each in ends if each is not None), None)
    if found is None:
        raise StageFailure(
            f"the tokenizer in {checkpoint} has no end token, so its model could not end a text",
            "Name one as eos_token in tokenizer_config.json, or switch off evaluate.benchmarks.text_to_text",
        )
    return int(found)


def _batch_by_length(examples: Sequence[Example]) -> list[Any]:
    return batch_by_length([each.ids for each in examples], EVALUATION_BATCH_SIZE)
