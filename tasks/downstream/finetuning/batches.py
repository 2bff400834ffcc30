"""The rows of each training batch."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

RowIndices = NDArray[np.int64]
# Texts are sorted by length among the rows of POOL_BATCHES batches, and not at all where there are fewer than MIN_POOLS
# pools: much as the Trainer of transformers does with `group_by_length`, so that an epoch still mixes its texts.
POOL_BATCHES, MIN_POOLS = 50, 2


def iterate_step_rows(
    num_examples: int,
    batch_size: int,
    num_steps: int,
    rng: np.random.Generator,
    lengths: Sequence[int] | None = None,
) -> Iterator[RowIndices]:
    """Yield the rows of each step: epochs in shuffled order, where a batch may cross the end of an epoch.

    With lengths, the texts of a batch are of similar length, and an epoch's last batch may be short.
    """
    pool_batches = min(POOL_BATCHES, num_examples // (MIN_POOLS * batch_size))
    if lengths is not None and pool_batches > 1:
        epochs = (
            sample_batches_by_length(np.asarray(lengths), batch_size, pool_batches, rng) for _ in range(num_steps)
        )
        yield from islice(chain.from_iterable(epochs), num_steps)
        return
    num_epochs = -(-num_steps * batch_size // num_examples)
    order = np.concatenate([rng.permutation(num_examples) for _ in range(num_epochs)])
    for step in range(num_steps):
        yield order[step * batch_size : (step + 1) * batch_size]


def sample_batches_by_length(
    lengths: RowIndices, batch_size: int, pool_batches: int, rng: np.random.Generator
) -> list[RowIndices]:
    """Return the batches of an epoch, in random order: every row once, sorted by length within random pools."""
    order = rng.permutation(len(lengths))
    pools = np.split(order, range(batch_size * pool_batches, len(order), batch_size * pool_batches))
    batches = [
        batch
        for pool in pools
        # A loop over one value: a name inside a comprehension.
        for ranked in [pool[np.argsort(lengths[pool], kind="stable")]]
        for batch in np.split(ranked, range(batch_size, len(ranked), batch_size))
    ]
    # Shuffled, or each pool would begin with its short texts.
    return [batches[index] for index in rng.permutation(len(batches))]
