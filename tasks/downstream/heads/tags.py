"""A tag for each word: by its tokens and the words beside it, and so that every step between tags is a known one.

Shapes beside those of the package: T tokens, N words of a sentence.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.downstream.heads import Example, compute_class_weights
from tasks.downstream.heads.neighbours import NeighbourHead
from tasks.downstream.models.encoder import CheckpointTokenizer, pad_batch

UNSEEN_TRANSITION = -1e4
"""Nats that a step costs which no labelled sentence makes: more than any sentence can win by it"""

Transition = tuple[str, str, bool]
"""Letters of two tags in a row, and whether their types are the same"""


class TagHead(NeighbourHead):
    """A score for each tag; a word beyond the longest text that the model reads is outside of all entities."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.List(pl.Int32), "confidences": pl.List(pl.Float32)}

    @property
    def num_scores(self) -> int:
        """The tags."""
        return len(self.task.names)

    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """The tags are the target, and each place is a word's tokens."""
        between = rows["between"].to_list()
        sentences = rows["words"].to_list()
        texts = [gap.join(words) for gap, words in zip(between, sentences, strict=True)]
        parts = zip(tokens.located(texts), sentences, between, rows["tags"].to_list(), strict=True)
        return [
            Example(ids, [], find_token_spans(find_word_offsets(words, gap), offsets), tags)
            for (ids, offsets), words, gap, tags in parts
        ]

    def rows(self, example: Example) -> list[int]:
        """The words that were read."""
        return [len(example.places)]

    def begin(self, examples: Sequence[Example]) -> None:
        """The tags' weights too, and which steps there are from one tag to the next."""
        super().begin(examples)
        targets = [tag for each in examples for tag in each.target[: len(each.places)]]
        self.weights = compute_class_weights(targets, self.num_scores, self.recipe)
        self.steps_KK = find_transition_costs([each.target for each in examples], self.task.names)

    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """The mean over its tokens for every word that was read."""
        states_BTF = self.encoder.states(pad_batch([each.ids for each in batch]))
        return torch.cat(
            [average_spans(states_TF, each.places) for states_TF, each in zip(states_BTF, batch, strict=True)]
        )

    def loss_of(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Cross-entropy of the words that were read."""
        targets = [tag for each in batch for tag in each.target[: len(each.places)]]
        return cross_entropy(outputs, torch.tensor(targets), self.weights)

    def answers_of(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """The likeliest tags of every sentence, and how likely each is; 0 of a word that was not read."""
        none = self.task.names.index("O")
        answers: list[tuple[Any, ...]] = []
        shares_MK = torch.log_softmax(outputs.double(), 1)
        parts = torch.split(shares_MK, [len(each.places) for each in batch])
        for each, shares_NK in zip(batch, parts, strict=True):
            tags, unread = decode_tags(shares_NK.numpy(), self.steps_KK, none), len(each.target) - len(each.places)
            confidences = shares_NK.exp()[range(len(tags)), tags].tolist()
            answers.append(([*tags, *[none] * unread], [*confidences, *[0.0] * unread]))
        return answers


def average_spans(states_TF: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
    """The mean over each place's tokens, (N, F)."""
    first_N1, end_N1 = torch.tensor(places).reshape(-1, 2, 1).unbind(1)
    token_T = torch.arange(len(states_TF))
    inside_NT = (token_T >= first_N1) & (token_T < end_N1)
    return (inside_NT / (end_N1 - first_N1)) @ states_TF


def find_transition_costs(sentences: Sequence[Sequence[int]], names: Sequence[str]) -> NDArray[np.float64]:
    """What the step from a tag to the next one costs (K, K): nothing where the labelled sentences have its like.

    So a scheme (BIO, BMES, an entity that may begin inside) need not be named, and a type that is rare has the steps of
    the others.
    """
    none = names.index("O")
    known = {
        describe_transition(names[one], names[other])
        for tags in sentences
        for one, other in pairwise([none, *tags, none])
    }
    return np.array(
        [[0.0 if describe_transition(one, other) in known else UNSEEN_TRANSITION for other in names] for one in names]
    )


def describe_transition(one: str, other: str) -> Transition:
    """What two tags in a row have in common with others."""
    return one[:1], other[:1], one[1:] == other[1:]


def decode_tags(shares_NK: NDArray[np.float64], steps_KK: NDArray[np.float64], outside: int) -> list[int]:
    """The sequence of tags with the greatest sum of log-likelihoods and steps (Viterbi); a sentence ends outside."""
    if not len(shares_NK):
        return []
    best_K, back = steps_KK[outside] + shares_NK[0], []
    for share_K in shares_NK[1:]:
        from_KK = best_K[:, None] + steps_KK
        back.append(from_KK.argmax(0))
        best_K = from_KK.max(0) + share_K
    tags = [int((best_K + steps_KK[:, outside]).argmax())]
    for before_K in reversed(back):
        tags.append(int(before_K[tags[-1]]))
    return tags[::-1]


def find_word_offsets(words: Sequence[str], between: str) -> list[tuple[int, int]]:
    """Where each word begins and ends in the joined text, in characters."""
    found, place = [], 0
    for word in words:
        found.append((place, place + len(word)))
        place += len(word) + len(between)
    return found


def find_token_spans(spans: Sequence[tuple[int, int]], offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Tokens (first, one past the last) that touch each span of characters, up to the first span that was cut off."""
    found: list[tuple[int, int]] = []
    for start, end in spans:
        touching = [number for number, (first, last) in enumerate(offsets) if first < end and last > start]
        if not touching:
            break
        found.append((touching[0], touching[-1] + 1))
    return found
