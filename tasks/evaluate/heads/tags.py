"""A tag for each word, from the states of its first token."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.evaluate.encoder import Tokens, batch_of
from tasks.evaluate.heads import Example, Head, class_weights


class TagHead(Head):
    """A score for each tag; a word beyond the longest text that the model reads is outside of all entities."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.List(pl.Int32), "confidences": pl.List(pl.Float32)}

    @property
    def size(self) -> int:
        """The tags."""
        return len(self.task.names)

    def examples(self, tokens: Tokens, rows: pl.DataFrame) -> list[Example]:
        """The tags are the target, and each place is a word's tokens."""
        between = rows["between"].to_list()
        sentences = rows["words"].to_list()
        texts = [gap.join(words) for gap, words in zip(between, sentences, strict=True)]
        parts = zip(tokens.located(texts), sentences, between, rows["tags"].to_list(), strict=True)
        return [
            Example(ids, [], places_of(word_ends(words, gap), offsets), tags)
            for (ids, offsets), words, gap, tags in parts
        ]

    def num_places(self, example: Example) -> int:
        """The words that were read."""
        return len(example.places)

    def begin(self, examples: Sequence[Example]) -> None:
        """The tags' weights too."""
        super().begin(examples)
        targets = [tag for each in examples for tag in each.target[: len(each.places)]]
        self.weights = class_weights(targets, self.size, self.recipe)

    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """A row for every word that was read."""
        states_BTF = self.encoder.states(batch_of([each.ids for each in batch]))
        return torch.cat([states_BTF[row, [first for first, _ in each.places]] for row, each in enumerate(batch)])

    def loss_of(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Cross-entropy of the words that were read."""
        targets = [tag for each in batch for tag in each.target[: len(each.places)]]
        return cross_entropy(outputs, torch.tensor(targets), self.weights)

    def answers_of(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """The likeliest tag of every word, and how likely; 0 of a word that was not read."""
        confidences, tags = (iter(each.tolist()) for each in torch.softmax(outputs.double(), 1).max(1))
        none = self.task.names.index("O")
        answers: list[tuple[Any, ...]] = []
        for each in batch:
            read, unread = len(each.places), len(each.target) - len(each.places)
            answers.append(([*islice(tags, read), *[none] * unread], [*islice(confidences, read), *[0.0] * unread]))
        return answers


def word_ends(words: Sequence[str], between: str) -> list[tuple[int, int]]:
    """Where each word begins and ends in the joined text, in characters."""
    found, place = [], 0
    for word in words:
        found.append((place, place + len(word)))
        place += len(word) + len(between)
    return found


def places_of(spans: Sequence[tuple[int, int]], offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Tokens (first, one past the last) that touch each span of characters, up to the first span that was cut off."""
    found: list[tuple[int, int]] = []
    for start, end in spans:
        touching = [number for number, (first, last) in enumerate(offsets) if first < end and last > start]
        if not touching:
            break
        found.append((touching[0], touching[-1] + 1))
    return found
