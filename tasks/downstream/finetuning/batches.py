"""Which rows make a step's batch."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

RowIndices = NDArray[np.int64]
# Texts are sorted by length among so many batches, and not at all where there are few: much as the Trainer does
# of transformers with `group_by_length`, so that an epoch still mixes its texts.
POOL_BATCHES, MIN_POOLS = 50, 2


def iterate_step_rows(
    num_examples: int, batch: int, steps: int, rng: np.random.Generator, lengths: Sequence[int] | None = None
) -> Iterator[RowIndices]:
    """Rows of each step: epochs in shuffled order, a batch may reach over the end of one into the next.

    With lengths, the texts of a batch are of about one length, and an epoch's last batch may be short.
    """
    pool = min(POOL_BATCHES, num_examples // (MIN_POOLS * batch))
    if lengths is not None and pool > 1:
        epochs = (sample_batches_by_length(np.asarray(lengths), batch, pool, rng) for _ in range(steps))
        yield from islice(chain.from_iterable(epochs), steps)
        return
    order = np.concatenate([rng.permutation(num_examples) for _ in range(-(-steps * batch // num_examples))])
    for step in range(steps):
        yield order[step * batch : (step + 1) * batch]


def sample_batches_by_length(lengths: RowIndices, batch: int, pool: int, rng: np.random.Generator) -> list[RowIndices]:
    """One epoch: every row once, sorted by length among so many batches at random, the batches in random order."""
    order = rng.permutation(len(lengths))
    pools = np.split(order, range(batch * pool, len(order), batch * pool))
    batches = [
        part
        for rows in pools
        for ranked in [rows[np.argsort(lengths[rows], kind="stable")]]
        for part in np.split(ranked, range(batch, len(ranked), batch))
    ]
    return [batches[number] for number in rng.permutation(len(batches))]
