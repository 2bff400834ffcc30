"""Where the answer begins and where it ends: two scores for every token and for those beside it, over all windows.

Devlin et al., "BERT", 2019, section 4.2; windows overlap by `STRIDE_FRACTION` of the room that the question leaves.
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
from tasks.downstream.models.encoder import CheckpointTokenizer, pad_batch

STRIDE_FRACTION = 0.5
MAX_ANSWER_TOKENS = 40  # tokens of an answer, at most


class ContextWindow(NamedTuple):
    """A question and a part of its text."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    """of each token in the context, in characters; (-1, -1) for the question and special tokens"""
    start: int
    """the token where the answer begins; -1 where the window does not hold it"""
    end: int


class AnswerHead(NeighbourHead):
    """The most likely begin and end over all windows; the context is the example's target's second part."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.String, "confidence": pl.Float32}
    num_scores = 2

    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """The target is the windows and the context."""
        found = []
        for question, context, answers, starts in rows.select("question", "context", "answers", "starts").iter_rows():
            told = ((start, start + len(text)) for text, start in zip(answers, starts, strict=True) if text)
            place = next((each for each in told if each[0] >= 0), None)
            windows = [make_window(*each, place) for each in tokens.windows(question, context, STRIDE_FRACTION)]
            found.append(Example(windows[0].ids, [], [], (windows, context)))
        return found

    def learnable(self, examples: list[Example]) -> list[Example]:
        """Those of which a window holds the answer, with these windows only: others add nothing to the loss."""
        return [keep_answer_windows(each) for each in examples if any(part.start >= 0 for part in each.target[0])]

    def rows(self, example: Example) -> list[int]:
        """The tokens of each window."""
        return [len(part.ids) for part in example.target[0]]

    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """A row for every token of every window."""
        windows = [part for each in batch for part in each.target[0]]
        states_WTF = self.encoder.states(pad_batch([part.ids for part in windows]))
        return torch.cat([states_WTF[row, : len(part.ids)] for row, part in enumerate(windows)])

    def loss_of(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Cross-entropy of begin and end, over the windows that hold the answer."""
        losses = [
            cross_entropy(scores.T, torch.tensor([part.start, part.end]))
            for scores, part in self._by_window(outputs, batch)
            if part.start >= 0
        ]
        return torch.stack(losses).mean() if losses else outputs.sum() * 0

    def answers_of(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """The best span of all windows, cut out of the context."""
        parts = iter(self._by_window(outputs, batch))
        return [self._best([next(parts) for _ in each.target[0]], each.target[1]) for each in batch]

    def _by_window(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Tensor, ContextWindow]]:
        """Begin and end scores (T, 2) of each window, out of the question's reach."""
        windows = [part for each in batch for part in each.target[0]]
        pieces = torch.split(outputs, [len(part.ids) for part in windows])
        return [(scores + penalize_question_tokens(part), part) for scores, part in zip(pieces, windows, strict=True)]

    def _best(self, parts: list[tuple[Tensor, ContextWindow]], context: str) -> tuple[str, float]:
        best = (-torch.inf, 0, 0)
        for scores, part in parts:
            spans_TT = (scores[:, None, 0] + scores[None, :, 1]).triu().tril(MAX_ANSWER_TOKENS - 1)
            outside = torch.ones_like(spans_TT).triu().tril(MAX_ANSWER_TOKENS - 1) == 0
            value, place = spans_TT.masked_fill(outside, -torch.inf).flatten().max(0)
            first, last = divmod(int(place), len(part.ids))
            if float(value) > best[0]:
                best = (float(value), part.offsets[first][0], part.offsets[last][1])
        return context[max(0, best[1]) : max(0, best[2])], best[0]


def keep_answer_windows(example: Example) -> Example:
    """Without the windows that do not hold the answer."""
    windows, context = example.target
    features = example.features
    if features is not None:
        parts = torch.split(features, [len(part.ids) for part in windows])
        features = torch.cat([each for each, part in zip(parts, windows, strict=True) if part.start >= 0])
    kept = [part for part in windows if part.start >= 0]
    return replace(example, ids=kept[0].ids, target=(kept, context), features=features)


def penalize_question_tokens(part: ContextWindow) -> Tensor:
    """A large negative number (T, 1) for tokens that are not of the context."""
    return torch.tensor([[0.0 if start >= 0 else -1e4] for start, _ in part.offsets])


def make_window(ids: list[int], offsets: list[tuple[int, int]], place: tuple[int, int] | None) -> ContextWindow:
    """With the tokens of the answer, where the window holds all of it."""
    if place is not None:
        inside = [number for number, (start, end) in enumerate(offsets) if start < place[1] and end > place[0]]
        if inside and offsets[inside[0]][0] <= place[0] and offsets[inside[-1]][1] >= place[1]:
            return ContextWindow(ids, offsets, inside[0], inside[-1])
    return ContextWindow(ids, offsets, -1, -1)
