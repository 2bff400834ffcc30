"""Extractive question answering: start and end scores for every token, by it and its neighbours, over all windows.

Devlin et al., "BERT", 2019, section 4.2. A long context is read in windows, which overlap by `STRIDE_FRACTION` of the
room that the question leaves.

Shapes beside those of the package: W windows, T tokens of a window.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.downstream.heads import Example
from tasks.downstream.heads.neighbours import NeighbourHead
from tasks.downstream.models.checkpoint_tokenizer import CharacterOffsets, CheckpointTokenizer
from tasks.downstream.models.encoder import pad_batch

STRIDE_FRACTION = 0.5
MAX_ANSWER_TOKENS = 40


class ContextWindow(NamedTuple):
    """A question and a window of its context."""

    ids: list[int]
    offsets: CharacterOffsets
    """start and end of each token in the context, in characters; (-1, -1) for the question and special tokens"""
    start: int
    """index of the answer's first token; -1 where the window does not hold the answer"""
    end: int
    """index of the answer's last token; -1 where the window does not hold the answer"""


class WindowAnswers:
    """The most likely start and end over all windows; an example's target is its windows and its context."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.String, "confidence": pl.Float32}

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize the question with each window of its context; the first answer with a position is the target."""
        examples = []
        for question, context, answers, starts in rows.select("question", "context", "answers", "starts").iter_rows():
            # a start of -1: the position of an answer in the context is unknown
            spans = ((start, start + len(text)) for text, start in zip(answers, starts, strict=True) if text)
            answer = next((span for span in spans if span[0] >= 0), None)
            encoded = tokenizer.encode_in_windows(question, context, STRIDE_FRACTION)
            windows = [make_window(ids, offsets, answer) for ids, offsets in encoded]
            examples.append(Example(windows[0].ids, [], [], (windows, context)))
        return examples

    def select_learnable(self, examples: list[Example]) -> list[Example]:
        """Return the examples with the answer in a window, with these windows only: others add nothing to the loss."""
        return [
            keep_answer_windows(example)
            for example in examples
            if any(window.start >= 0 for window in example.target[0])
        ]

    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the cross-entropy of start and end, over the windows that hold the answer."""
        losses = [
            cross_entropy(scores.T, torch.tensor([window.start, window.end]))
            for scores, window in self._split_by_window(outputs, batch)
            if window.start >= 0
        ]
        # without a window to train on: a zero that has a gradient, so that backward works
        return torch.stack(losses).mean() if losses else outputs.sum() * 0

    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """Return the text of the best span of all windows, and its score."""
        scored_windows = iter(self._split_by_window(outputs, batch))
        return [
            self._find_best_span([next(scored_windows) for _ in example.target[0]], example.target[1])
            for example in batch
        ]

    def _split_by_window(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Tensor, ContextWindow]]:
        """Return start and end scores (T, 2) of each window, with the question's tokens penalized."""
        windows = [window for example in batch for window in example.target[0]]
        window_scores = torch.split(outputs, [len(window.ids) for window in windows])
        return [
            (scores + penalize_question_tokens(window), window)
            for scores, window in zip(window_scores, windows, strict=True)
        ]

    def _find_best_span(self, scored_windows: list[tuple[Tensor, ContextWindow]], context: str) -> tuple[str, float]:
        best = (-torch.inf, 0, 0)
        for scores, window in scored_windows:
            # row: start, column: end; an end is not before its start, nor MAX_ANSWER_TOKENS or more after it
            spans_TT = (scores[:, None, 0] + scores[None, :, 1]).triu().tril(MAX_ANSWER_TOKENS - 1)
            outside = torch.ones_like(spans_TT).triu().tril(MAX_ANSWER_TOKENS - 1) == 0
            score, index = spans_TT.masked_fill(outside, -torch.inf).flatten().max(0)
            first, last = divmod(int(index), len(window.ids))
            if float(score) > best[0]:
                best = (float(score), window.offsets[first][0], window.offsets[last][1])
        return context[max(0, best[1]) : max(0, best[2])], best[0]


class AnswerHead(WindowAnswers, NeighbourHead):
    """Start and end scores from the states of all layers."""

    num_scores = 2

    def get_sequence_lengths(self, example: Example) -> list[int]:
        """Return the number of tokens of each window."""
        return [len(window.ids) for window in example.target[0]]

    def encode(self, batch: Sequence[Example]) -> Tensor:
        """Return the features of every token of every window (M, F)."""
        windows = [window for example in batch for window in example.target[0]]
        states_WTF = self.encoder.encode_tokens(pad_batch([window.ids for window in windows]))
        return torch.cat([states_WTF[row, : len(window.ids)] for row, window in enumerate(windows)])


def keep_answer_windows(example: Example) -> Example:
    """Return the example without the windows that do not hold the answer."""
    windows, context = example.target
    features = example.features
    if features is not None:
        window_features = torch.split(features, [len(window.ids) for window in windows])
        features = torch.cat(
            [features_TF for features_TF, window in zip(window_features, windows, strict=True) if window.start >= 0]
        )
    kept = [window for window in windows if window.start >= 0]
    return replace(example, ids=kept[0].ids, target=(kept, context), features=features)


def penalize_question_tokens(window: ContextWindow) -> Tensor:
    """Return a large negative number (T, 1) for tokens outside of the context, 0 for the others."""
    return torch.tensor([[0.0 if start >= 0 else -1e4] for start, _ in window.offsets])


def make_window(ids: list[int], offsets: CharacterOffsets, answer: tuple[int, int] | None) -> ContextWindow:
    """Make a window with the tokens of the answer, where it holds the complete answer (start, end) in characters."""
    if answer is not None:
        inside = [index for index, (start, end) in enumerate(offsets) if start < answer[1] and end > answer[0]]
        if inside and offsets[inside[0]][0] <= answer[0] and offsets[inside[-1]][1] >= answer[1]:
            return ContextWindow(ids, offsets, inside[0], inside[-1])
    return ContextWindow(ids, offsets, -1, -1)
