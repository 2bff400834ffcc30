"""The data of a run: its vocabulary, its training rows in their order, and the rows that it is validated on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.errors import StageFailure
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.data.rows import PackedDataset, Rows, concatenate_rows, split_rows
from tasks.pretrain.schedules.snapshot_mixing import assign_samples, compute_quotas
from tasks.pretrain.settings import Pretrain


class TrainingData:
    """The packed rows of some folders of tokens, a folder a snapshot, oldest first; the first has the vocabulary.

    Training rows form an endless sequence: a sample is an index into it. Raises StageFailure where a run could not
    begin, or its ranks could not share it.
    """

    def __init__(self, settings: Pretrain, folders: Sequence[Path], world_size: int = 1) -> None:
        self.settings = settings
        self.vocabulary = read_vocabulary(folders[0] / "tokenizer")
        self.start = self.vocabulary.start if settings.batch.start_token else None
        groups = settings.snapshots.group_folders([folder / "train" for folder in folders])
        self.sources = [self._pack_rows(group) for group, _ in groups]
        self.quotas = compute_quotas([fraction for _, fraction in groups])
        self.validation = self._pack_rows([folder / "validation" for folder in folders])
        # a multiple of the ranks, as every batch is split evenly over them
        self.num_validation = min(len(self.validation), settings.eval_rows) // world_size * world_size
        settings.objective.chosen.check_tokenizer(self.vocabulary)
        self._check(world_size)

    def _pack_rows(self, folders: list[Path]) -> PackedDataset:
        sentences = self.settings.objective.chosen.needs_sentences
        return PackedDataset(folders, self.vocabulary, self.settings.seq_length, self.start, sentences)

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    @property
    def num_tokens(self) -> int:
        """Training tokens of all sources."""
        return sum(source.num_tokens for source in self.sources)

    def num_epochs(self, num_samples: int) -> float:
        """Return how often the most repeated source is read in so many samples."""
        fractions = self.quotas / self.quotas.sum()
        # Sources have different sizes and quotas, so each has a number of epochs of its own.
        return max(
            num_samples * float(fraction) / len(source)
            for fraction, source in zip(fractions, self.sources, strict=True)
        )

    def load_rows(self, samples: Int64s, parts: int = 1) -> Rows:
        """Return the training rows of some samples, each split_rows into `parts` shorter ones."""
        seed = self.settings.seed
        if len(self.sources) == 1:
            return split_rows(self.sources[0].read_samples(samples, seed), parts)
        source_indices, positions = assign_samples(samples, self.quotas, seed)
        by_source = [source.read_samples(positions[source_indices == i], seed) for i, source in enumerate(self.sources)]
        # back from the order of the sources to that of the samples: the inverse of the sorting permutation
        order = np.argsort(np.argsort(source_indices, kind="stable"), kind="stable")
        return split_rows(concatenate_rows(by_source, order), parts)

    def _check(self, world_size: int) -> None:
        batch = self.settings.batch
        if len(self) < batch.batch_size or not all(map(len, self.sources)):
            raise StageFailure(
                f"{self.num_tokens:,} training tokens fill {len(self)} rows of {self.settings.seq_length}, and "
                f"one batch needs {batch.batch_size}"
                + ("" if all(map(len, self.sources)) else ", some of a snapshot that has none"),
                "Gather more text, or lower pretrain.batch.batch_size or pretrain.batch.seq_length",
            )
        if self.settings.patience and not self.num_validation:
            raise StageFailure(
                "pretrain.patience needs a validation loss, and the tokens hold no validation documents",
                "Raise the validation fraction of the tokenize stage, or set pretrain.patience to 0",
            )
        if batch.min_batch_size % (batch.grad_accumulation * world_size):
            raise StageFailure(
                f"{batch.min_batch_size} rows do not split over {world_size} ranks with {batch.grad_accumulation} "
                "micro-batches each",
                "Set pretrain.batch.batch_size to a multiple of both, or TEXTMILL_RANKS to a number that divides it",
            )
