"""What a run reads: its vocabulary, its training rows in their order, and the rows that it is validated on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.errors import StageFailure
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.data.rows import PackedDataset, Rows, concatenate_rows, split_rows
from tasks.pretrain.schedules.snapshot_mixing import assigned, quotas
from tasks.pretrain.settings import Pretrain


class Corpus:
    """The rows of some folders of tokens, a folder a snapshot, oldest first; all have the vocabulary of the first.

    Raises StageFailure where a run could not begin, or its ranks could not share it.
    """

    def __init__(self, settings: Pretrain, folders: Sequence[Path], ranks: int = 1) -> None:
        self.settings = settings
        self.vocabulary = read_vocabulary(folders[0] / "tokenizer")
        self.start = self.vocabulary.start if settings.batch.start_token else None
        groups = settings.snapshots.groups([folder / "train" for folder in folders])
        self.parts = [self._packed(group) for group, _ in groups]
        self.quotas = quotas([share for _, share in groups])
        self.validation = self._packed([folder / "validation" for folder in folders])
        self.num_validation = min(len(self.validation), settings.validation_rows) // ranks * ranks
        settings.objective.chosen.check_tokenizer(self.vocabulary)
        self._check(ranks)

    def _packed(self, folders: list[Path]) -> PackedDataset:
        sentences = self.settings.objective.chosen.needs_sentences
        return PackedDataset(folders, self.vocabulary, self.settings.length, self.start, sentences)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def num_tokens(self) -> int:
        return sum(part.num_tokens for part in self.parts)

    def epochs(self, slots: int) -> float:
        """How often the most repeated part was read after so many slots."""
        shares = self.quotas / self.quotas.sum()
        return max(slots * float(share) / len(part) for share, part in zip(shares, self.parts, strict=True))

    def at(self, slots: Int64s, parts: int = 1) -> Rows:
        """The training rows at these places of the endless sequence, each cut into so many shorter ones."""
        seed = self.settings.seed
        if len(self.parts) == 1:
            return split_rows(self.parts[0].read_samples(slots, seed), parts)
        of, places = assigned(slots, self.quotas, seed)
        pieces = [part.read_samples(places[of == number], seed) for number, part in enumerate(self.parts)]
        order = np.argsort(np.argsort(of, kind="stable"), kind="stable")
        return split_rows(concatenate_rows(pieces, order), parts)

    def _check(self, ranks: int) -> None:
        batch = self.settings.batch
        if len(self) < batch.rows or not all(map(len, self.parts)):
            raise StageFailure(
                f"{self.num_tokens:,} training tokens fill {len(self)} rows of {self.settings.length}, and "
                f"one batch needs {batch.rows}"
                + ("" if all(map(len, self.parts)) else ", some of a snapshot that has none"),
                "Gather more text, or lower pretrain.batch.rows or pretrain.batch.length",
            )
        if self.settings.patience and not self.num_validation:
            raise StageFailure(
                "pretrain.patience needs a validation loss, and the tokens hold no validation documents",
                "Raise the validation share of the tokenize stage, or set pretrain.patience to 0",
            )
        if batch.least_rows % (batch.accumulation * ranks):
            raise StageFailure(
                f"{batch.least_rows} rows do not split over {ranks} ranks with {batch.accumulation} micro-batches each",
                "Set pretrain.batch.rows to a multiple of both, or TEXTMILL_RANKS to a number that divides it",
            )
