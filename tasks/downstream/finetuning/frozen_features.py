"""Features of a frozen encoder, computed once for all fits: a linear probe then never runs the encoder again.

Shapes: N examples, M units of all examples, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.downstream.heads import Example, Head
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, batch_by_length

FeatureArray = NDArray[np.float32]


def allocate_in_memory(shape: tuple[int, int]) -> FeatureArray:
    """Return an uninitialised array for features."""
    return np.empty(shape, np.float32)


class FrozenFeatures(NamedTuple):
    """The features of some examples: the units of all examples one after the other."""

    values_MF: FeatureArray  # noqa: N815 - shape suffixes, as on local tensors
    starts_N: NDArray[np.int64]  # noqa: N815
    """first unit of each example, and the number of all units at the end"""

    @classmethod
    def compute(
        cls,
        head: Head,
        examples: Sequence[Example],
        allocate: Callable[[tuple[int, int]], FeatureArray] = allocate_in_memory,
    ) -> "FrozenFeatures":
        """Run the encoder once over the examples, in batches of similar length."""
        counts = [head.count_units(example) for example in examples]
        # an example's units are consecutive rows, so one file holds examples of different lengths
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        values: FeatureArray | None = None
        head.eval()
        ids = [[*example.ids, *example.second_ids] for example in examples]
        for rows in batch_by_length(ids, EVALUATION_BATCH_SIZE):
            with torch.no_grad():
                features = head.encode([examples[row] for row in rows]).numpy()
            if values is None:  # the number of features is known from the first batch on
                values = allocate((int(starts[-1]), features.shape[1]))
            row_features = np.split(features, np.cumsum([counts[row] for row in rows])[:-1])
            for row, features_of_row in zip(rows, row_features, strict=True):
                # Batches are by length; each example's features go to the place of its row.
                values[starts[row] : starts[row + 1]] = features_of_row
        assert values is not None
        return cls(values, starts)

    @classmethod
    def write(cls, head: Head, examples: Sequence[Example], path: Path) -> None:
        """Compute features into files, which may be larger than memory."""

        def allocate_in_file(shape: tuple[int, int]) -> FeatureArray:
            values: FeatureArray = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            return values

        features = cls.compute(head, examples, allocate_in_file)
        np.save(_starts_path(path), features.starts_N)

    @classmethod
    def load(cls, path: Path) -> "FrozenFeatures":
        """Map what `write` wrote into memory: pages are read when they are used."""
        # copy-on-write, as torch warns of arrays that are read-only
        return cls(np.load(path, mmap_mode="c"), np.load(_starts_path(path)))

    def attach_to(self, examples: Sequence[Example], rows: Sequence[int]) -> list[Example]:
        """Return the examples with their features, which were computed at these rows."""
        values, starts = torch.from_numpy(self.values_MF), self.starts_N
        return [
            replace(example, features=values[starts[row] : starts[row + 1]])
            for example, row in zip(examples, rows, strict=True)
        ]


def attach_features(head: Head, examples: list[Example]) -> list[Example]:
    """Return the examples with the encoder's features; examples that all have them are returned unchanged."""
    if all(example.features is not None for example in examples):
        return examples
    return FrozenFeatures.compute(head, examples).attach_to(examples, range(len(examples)))


def _starts_path(path: Path) -> Path:
    return path.with_suffix(".starts.npy")
