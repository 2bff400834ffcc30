"""The relation of two marked spans: from the states of both, of the text between them, and of the complete text."""

from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor

from tasks.downstream.heads import Example
from tasks.downstream.heads.classes import ClassHead
from tasks.downstream.heads.tags import find_token_spans
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import pad_batch
from tasks.downstream.task_types.relations import SPANS


class RelationHead(ClassHead):
    """A score for each relation."""

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize the texts with the token spans of both arguments; a truncated one is taken as the last token."""
        examples = []
        encoded = tokenizer.encode_with_offsets(rows["text"].to_list())
        character_spans = rows.select(SPANS).rows()
        for (ids, offsets), (start_1, end_1, start_2, end_2), label in zip(
            encoded, character_spans, rows["label"], strict=True
        ):
            # At least one position, so that the mean below is not of nothing: padding fills a text of no tokens.
            last_token = (max(len(ids) - 1, 0), max(len(ids), 1))
            spans = [
                (find_token_spans([span], offsets) or [last_token])[0] for span in ((start_1, end_1), (start_2, end_2))
            ]
            examples.append(Example(ids, [], spans, label))
        return examples

    def encode(self, batch: Sequence[Example]) -> Tensor:
        """Return means over each span, over the text from the first to the second, and over all of it (B, 4F)."""
        states_BTF = self.encoder.encode_tokens(pad_batch([example.ids for example in batch]))
        features = []
        for row, example in enumerate(batch):
            one, other = example.spans
            between = (min(one[0], other[0]), max(one[1], other[1]))
            spans = [one, other, between, (0, max(len(example.ids), 1))]
            features.append(torch.cat([states_BTF[row, start:end].mean(0) for start, end in spans]))
        return torch.stack(features)
