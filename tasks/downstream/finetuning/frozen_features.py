"""What a frozen encoder makes of texts, computed once: a linear probe then never sees the encoder again.

Shapes: N examples, M places that are answered, F features.
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

Floats = NDArray[np.float32]


def allocate_in_memory(shape: tuple[int, int]) -> Floats:
    """Room for features."""
    return np.empty(shape, np.float32)


class FrozenFeatures(NamedTuple):
    """The features of some examples: their places one after the other."""

    values_MF: Floats  # noqa: N815 - shape suffixes, as on local tensors
    starts_N: NDArray[np.int64]  # noqa: N815

    @classmethod
    def of(
        cls, head: Head, examples: Sequence[Example], make: Callable[[tuple[int, int]], Floats] = allocate_in_memory
    ) -> "FrozenFeatures":
        """One pass over the examples, each batch of about one length."""
        counts = [head.num_places(each) for each in examples]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        values: Floats | None = None
        head.eval()
        for rows in batch_by_length([[*each.ids, *each.second] for each in examples], EVALUATION_BATCH_SIZE):
            with torch.no_grad():
                found = head.inputs([examples[row] for row in rows]).numpy()
            if values is None:
                values = make((int(starts[-1]), found.shape[1]))
            for row, part in zip(rows, np.split(found, np.cumsum([counts[row] for row in rows])[:-1]), strict=True):
                values[starts[row] : starts[row + 1]] = part
        assert values is not None
        return cls(values, starts)

    @classmethod
    def written(cls, head: Head, examples: Sequence[Example], path: Path) -> None:
        """As `of`, into files, which may be larger than memory."""

        def mapped(shape: tuple[int, int]) -> Floats:
            room: Floats = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            return room

        found = cls.of(head, examples, mapped)
        np.save(_starts_path(path), found.starts_N)

    @classmethod
    def read(cls, path: Path) -> "FrozenFeatures":
        """What `written` left, page by page as it is asked for."""
        return cls(
            np.load(path, mmap_mode="c"), np.load(_starts_path(path))
        )  # copied on write: torch warns of read-only

    def given(self, examples: Sequence[Example], rows: Sequence[int]) -> list[Example]:
        """The examples with their features; they were at these rows."""
        values, starts = torch.from_numpy(self.values_MF), self.starts_N
        return [
            replace(each, features=values[starts[row] : starts[row + 1]])
            for each, row in zip(examples, rows, strict=True)
        ]


def attach_features(head: Head, examples: list[Example]) -> list[Example]:
    """The examples with what the encoder makes of them; those that have it stay as they are."""
    if all(each.features is not None for each in examples):
        return examples
    return FrozenFeatures.of(head, examples).given(examples, range(len(examples)))


def _starts_path(path: Path) -> Path:
    return path.with_suffix(".starts.npy")
