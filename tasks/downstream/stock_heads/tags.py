"""Tagging of words by AutoModelForTokenClassification: a word has the tag of its first token, as in Devlin et al. 2019.

Where a token reaches over several words, as in scripts without spaces, the words after the first one continue its tag.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForTokenClassification

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import Example, compute_class_weights
from tasks.downstream.heads.tags import find_token_spans, find_word_offsets
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.stock_heads import StockModel
from tasks.downstream.stock_heads.classes import name_labels

CONTINUATIONS = {"B": "IM", "S": "IM", "E": "IM"}
"""Letter of a tag → the letters, the first that occurs, of the same entity's next word"""


class StockTagModel(StockModel):
    """A logit for each tag of each token."""

    weights: Tensor | None = None
    """the tags' weights in the loss"""
    auto_class: ClassVar[Any] = AutoModelForTokenClassification
    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.List(pl.Int32), "confidences": pl.List(pl.Float32)}

    @classmethod
    def list_config_changes(cls, task: Task) -> dict[str, Any]:
        """Return the names of the tags."""
        return name_labels(task.names)

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:  # noqa: ARG002
        """Tokenize the sentences; each span is a word's tokens, and the tags are the target."""
        pairs = list(zip(rows["words"].to_list(), rows["between"].to_list(), strict=True))
        encoded = self.tokenizer.encode_with_offsets([between.join(words) for words, between in pairs])
        return [
            Example(ids, [], find_token_spans(find_word_offsets(words, between), offsets), tags)
            for (ids, offsets), (words, between), tags in zip(encoded, pairs, rows["tags"].to_list(), strict=True)
        ]

    def select_learnable(self, examples: list[Example]) -> list[Example]:
        """Return the sentences with a token to learn from: others would have no loss."""
        return [example for example in examples if example.spans]

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Compute the tags' weights."""
        self.weights = compute_class_weights(self._list_targets(examples), len(self.task.names), self.finetuning)

    def compute_outputs(self, batch: Sequence[Example]) -> Tensor:
        """Return the logits of the first token of every word that was read (M, K)."""
        logits_BTK = self.run_stock([example.ids for example in batch]).logits
        return torch.cat(
            [
                logits_TK[[start for start, _ in example.spans]]
                for logits_TK, example in zip(logits_BTK, batch, strict=True)
            ]
        )

    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the mean cross-entropy of the words that are the first of their token; zero without such a word."""
        is_first = [first for example in batch for first in find_first_words(example)]
        if not any(is_first):
            return outputs.sum() * 0
        return cross_entropy(outputs[torch.tensor(is_first)], torch.tensor(self._list_targets(batch)), self.weights)

    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """Return the most likely tag of every word and its probability, O with 0 for a word that was not read."""
        outside = self.task.names.index("O")
        probabilities_MK = torch.softmax(outputs.double(), 1)
        answers: list[tuple[Any, ...]] = []
        sentences = torch.split(probabilities_MK, [len(example.spans) for example in batch])
        for example, probabilities_NK in zip(batch, sentences, strict=True):
            confidences_N, tags_N = probabilities_NK.max(1)
            tags = tags_N.tolist()
            for word, is_first in enumerate(find_first_words(example)):
                if not is_first:
                    tags[word] = continue_tag(tags[word - 1], self.task.names)
            num_unread = len(example.target) - len(example.spans)
            answers.append(([*tags, *[outside] * num_unread], [*confidences_N.tolist(), *[0.0] * num_unread]))
        return answers

    def _list_targets(self, examples: Sequence[Example]) -> list[int]:
        """Return the tags of all words that are the first of their token."""
        return [
            tag
            for example in examples
            for tag, is_first in zip(example.target, find_first_words(example), strict=False)
            if is_first
        ]


def find_first_words(example: Example) -> list[bool]:
    """Return for each word that was read whether no word before it begins with the same token."""
    starts = [start for start, _ in example.spans]
    return [word == 0 or start != starts[word - 1] for word, start in enumerate(starts)]


def continue_tag(tag: int, names: list[str]) -> int:
    """Return the tag of the next word of an entity; a tag that is outside, or inside, continues as it is."""
    letter, hyphen, entity_type = names[tag].partition("-")
    options = [f"{other}{hyphen}{entity_type}" for other in CONTINUATIONS.get(letter, "")]
    return next((names.index(name) for name in options if name in names), tag)
