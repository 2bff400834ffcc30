"""The relation of two marked spans: from the states of both, of what stands between them, and of the whole text."""

from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor

from tasks.downstream.heads import Example
from tasks.downstream.heads.classes import ClassHead
from tasks.downstream.heads.tags import find_token_spans
from tasks.downstream.models.encoder import CheckpointTokenizer, pad_batch
from tasks.downstream.task_types.relations import SPANS


class RelationHead(ClassHead):
    """A score for each relation."""

    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """The places are both spans; one that was cut off is taken as the last token."""
        made = []
        spans = rows.select(SPANS).rows()
        for (ids, offsets), (one, two, three, four), label in zip(
            tokens.located(rows["text"].to_list()), spans, rows["label"], strict=True
        ):
            last = (max(len(ids) - 1, 0), max(len(ids), 1))
            places = [(find_token_spans([span], offsets) or [last])[0] for span in ((one, two), (three, four))]
            made.append(Example(ids, [], places, label))
        return made

    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """Means over each span, over all from the first to the second, and over the text, (B, 4F)."""
        read = pad_batch([each.ids for each in batch])
        states_BTF = self.encoder.states(read)
        rows = []
        for row, each in enumerate(batch):
            (one, two), (three, four) = each.places
            parts = [(one, two), (three, four), (min(one, three), max(two, four)), (0, max(len(each.ids), 1))]
            rows.append(torch.cat([states_BTF[row, first:last].mean(0) for first, last in parts]))
        return torch.stack(rows)
