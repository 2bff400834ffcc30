"""What a step reads, as arrays: made when it is asked for, or before, while a GPU is at work on the last one."""

from dataclasses import dataclass

import numpy as np

from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Int64s, Randomness, hash_key
from tasks.pretrain.data.rows import Rows
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.training_data import Corpus


@dataclass(frozen=True)
class Batch:
    """The objective's arrays for some rows."""

    arrays: Arrays
    tokens: int
    """those that are no padding"""
    seed: int
    """for torch's own randomness, from which dropout draws"""


class Batches:
    """Batches of a run. Each is a pure function of its slots, so it does not matter when it was made."""

    def __init__(self, settings: Pretrain, corpus: Corpus) -> None:
        self.seed, self.corpus = settings.seed, corpus
        self.objective = settings.objective.chosen
        self._ready: tuple[bytes, int, Batch] | None = None

    def training(self, slots: Int64s, cut: int) -> Batch:
        """For the training rows of some slots, each cut into so many."""
        ready, self._ready = self._ready, None
        if ready is not None and ready[:2] == (slots.tobytes(), cut):
            return ready[2]
        # each part of a row that was cut has randomness of its own
        own = slots if cut == 1 else (slots[:, None] * cut + np.arange(cut)).ravel()
        return self._made(self.corpus.at(slots, cut), own, self.seed)

    def prepare(self, slots: Int64s, cut: int) -> None:
        """Make what `training` will be asked for next."""
        self._ready = slots.tobytes(), cut, self.training(slots, cut)

    def validation(self, slots: Int64s) -> Batch:
        """For some validation rows, hidden in the same way each time."""
        return self._made(self.corpus.validation.read_samples(slots, seed=0), slots, seed=0)

    def _made(self, rows: Rows, slots: Int64s, seed: int) -> Batch:
        arrays = self.objective.make_batch(rows, Randomness(seed, slots))
        return Batch(arrays, int((rows.documents >= 0).sum()), int(hash_key(seed, "torch", int(slots[0]))))
