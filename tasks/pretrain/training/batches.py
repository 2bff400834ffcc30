"""The arrays that a step reads: made when they are asked for, or before, while a GPU is at work on the last step."""

from dataclasses import dataclass

import numpy as np

from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Int64s, Randomness, hash_key
from tasks.pretrain.data.rows import Rows
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.training_data import TrainingData


@dataclass(frozen=True)
class TrainingBatch:
    """The objective's arrays for some rows."""

    arrays: Arrays
    num_tokens: int
    """tokens that are no padding"""
    seed: int
    """for torch's own randomness, from which dropout draws"""


class BatchLoader:
    """Makes the batches of a run. Each is a pure function of its samples, so it does not matter when it is made."""

    def __init__(self, settings: Pretrain, data: TrainingData) -> None:
        self.seed, self.data = settings.seed, data
        self.objective = settings.objective.chosen
        self._prepared: tuple[bytes, int, TrainingBatch] | None = None

    def load_training(self, samples: Int64s, parts: int) -> TrainingBatch:
        """Return the batch of some training rows, each cut into `parts`."""
        # Used once, if at all: after a retry or a rollback other rows are asked for, and what was prepared is dropped.
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[:2] == (samples.tobytes(), parts):
            return prepared[2]
        # each part of a row that was cut has randomness of its own
        # Unique as long as `parts` stays; the numbers may meet those of another stage of the ramp, in another step.
        seeds = samples if parts == 1 else (samples[:, None] * parts + np.arange(parts)).ravel()
        return self._make_batch(self.data.load_rows(samples, parts), seeds, self.seed)

    def prepare(self, samples: Int64s, parts: int) -> None:
        """Make the batch that `load_training` will be asked for next."""
        self._prepared = samples.tobytes(), parts, self.load_training(samples, parts)

    def load_validation(self, samples: Int64s) -> TrainingBatch:
        """Return the batch of some validation rows, masked in the same way each time."""
        return self._make_batch(self.data.validation.read_samples(samples, seed=0), samples, seed=0)

    def _make_batch(self, rows: Rows, samples: Int64s, seed: int) -> TrainingBatch:
        arrays = self.objective.make_batch(rows, Randomness(seed, samples))
        num_tokens = int((rows.documents >= 0).sum())
        # One seed a micro-batch, by its first sample: independent of everything drawn before, so that a resumed step
        # repeats it.
        return TrainingBatch(arrays, num_tokens, int(hash_key(seed, "torch", int(samples[0]))))
