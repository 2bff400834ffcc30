"""Sequence tagging: a tag for each word, by its tokens and its neighbours, with tag transitions seen in training.

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
from tasks.downstream.models.checkpoint_tokenizer import CharacterOffsets, CheckpointTokenizer
from tasks.downstream.models.encoder import pad_batch

UNSEEN_TRANSITION = -1e4
"""Nats that a transition costs which no labelled sentence makes: more than any sentence can win by it"""

Transition = tuple[str, str, bool]
"""Letters of two tags in a row, and whether their types are the same"""


class TagHead(NeighbourHead):
    """A score for each tag; words after the longest text that the model reads are outside of all entities."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.List(pl.Int32), "confidences": pl.List(pl.Float32)}

    @property
    def num_scores(self) -> int:
        """The number of tags."""
        return len(self.task.names)

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize the sentences; the tags are the target, and each span is a word's tokens."""
        separators = rows["between"].to_list()
        sentences = rows["words"].to_list()
        texts = [separator.join(words) for separator, words in zip(separators, sentences, strict=True)]
        encoded = tokenizer.encode_with_offsets(texts)
        return [
            Example(ids, [], find_token_spans(find_word_offsets(words, separator), offsets), tags)
            for (ids, offsets), words, separator, tags in zip(
                encoded, sentences, separators, rows["tags"].to_list(), strict=True
            )
        ]

    def get_sequence_lengths(self, example: Example) -> list[int]:
        """Return the number of words that were read, as the one sequence of a sentence."""
        return [len(example.spans)]

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Make the layer, and compute the tags' weights and the costs of transitions."""
        super().prepare_training(examples)
        targets = [tag for example in examples for tag in example.target[: len(example.spans)]]
        self.weights = compute_class_weights(targets, self.num_scores, self.finetuning)
        self.transition_costs_KK = find_transition_costs([example.target for example in examples], self.task.names)

    def encode(self, batch: Sequence[Example]) -> Tensor:
        """Return the mean over its tokens of every word that was read (M, F)."""
        states_BTF = self.encoder.encode_tokens(pad_batch([example.ids for example in batch]))
        return torch.cat(
            [average_spans(states_TF, example.spans) for states_TF, example in zip(states_BTF, batch, strict=True)]
        )

    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the mean cross-entropy of the words that were read."""
        targets = [tag for example in batch for tag in example.target[: len(example.spans)]]
        return cross_entropy(outputs, torch.tensor(targets), self.weights)

    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """Return the most likely tags of every sentence and their probabilities, 0 for a word that was not read."""
        outside = self.task.names.index("O")
        answers: list[tuple[Any, ...]] = []
        log_probs_MK = torch.log_softmax(outputs.double(), 1)
        # words after the truncation have no outputs: they get the tag O with confidence 0
        sentences = torch.split(log_probs_MK, [len(example.spans) for example in batch])
        for example, log_probs_NK in zip(batch, sentences, strict=True):
            tags = decode_tags(log_probs_NK.numpy(), self.transition_costs_KK, outside)
            num_unread = len(example.target) - len(example.spans)
            confidences = log_probs_NK.exp()[range(len(tags)), tags].tolist()
            answers.append(([*tags, *[outside] * num_unread], [*confidences, *[0.0] * num_unread]))
        return answers


def average_spans(states_TF: Tensor, spans: Sequence[tuple[int, int]]) -> Tensor:
    """Return the mean over each span's tokens (N, F)."""
    start_N1, end_N1 = torch.tensor(spans).reshape(-1, 2, 1).unbind(1)
    token_T = torch.arange(len(states_TF))
    inside_NT = (token_T >= start_N1) & (token_T < end_N1)
    # All means as one product: row n holds 1 / length at the tokens of span n.
    return (inside_NT / (end_N1 - start_N1)) @ states_TF


def find_transition_costs(sentences: Sequence[Sequence[int]], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the cost of the transition from each tag to each (K, K): 0 where the labelled sentences have its like.

    So a scheme (BIO, BMES, an entity that may begin inside) need not be named, and a type that is rare has the
    transitions of the others.
    """
    outside = names.index("O")
    seen = {
        describe_transition(names[one], names[other])
        for tags in sentences
        # Sentences begin and end outside, so first and last tags are transitions too.
        for one, other in pairwise([outside, *tags, outside])
    }
    return np.array(
        [[0.0 if describe_transition(one, other) in seen else UNSEEN_TRANSITION for other in names] for one in names]
    )


def describe_transition(one: str, other: str) -> Transition:
    """Return the features of two tags in a row by which transitions are alike."""
    return one[:1], other[:1], one[1:] == other[1:]


def decode_tags(log_probs_NK: NDArray[np.float64], transition_costs_KK: NDArray[np.float64], outside: int) -> list[int]:
    """Return the tags with the greatest sum of log-probabilities and transition costs, by the Viterbi algorithm.

    A sentence begins and ends outside of entities.
    """
    if not len(log_probs_NK):
        return []
    # best_K: the sum of the best sequence that ends in each tag; back: its last but one tag, for each word
    best_K, back = transition_costs_KK[outside] + log_probs_NK[0], []
    for log_probs_K in log_probs_NK[1:]:
        candidates_KK = best_K[:, None] + transition_costs_KK
        back.append(candidates_KK.argmax(0))
        best_K = candidates_KK.max(0) + log_probs_K
    # from the last word back to the first
    tags = [int((best_K + transition_costs_KK[:, outside]).argmax())]
    for previous_K in reversed(back):
        tags.append(int(previous_K[tags[-1]]))
    return tags[::-1]


def find_word_offsets(words: Sequence[str], separator: str) -> CharacterOffsets:
    """Return the start and end of each word in the joined text, in characters."""
    offsets, start = [], 0
    for word in words:
        offsets.append((start, start + len(word)))
        start += len(word) + len(separator)
    return offsets


def find_token_spans(spans: Sequence[tuple[int, int]], offsets: CharacterOffsets) -> list[tuple[int, int]]:
    """Return the tokens (start, end) that overlap each span of characters, up to the first span that was truncated."""
    token_spans: list[tuple[int, int]] = []
    for start, end in spans:
        overlapping = [
            index for index, (token_start, token_end) in enumerate(offsets) if token_start < end and token_end > start
        ]
        # the first span without a token was cut off, and so are all that follow
        if not overlapping:
            break
        token_spans.append((overlapping[0], overlapping[-1] + 1))
    return token_spans
