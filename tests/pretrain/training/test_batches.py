from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.pretrain.training.batches import BatchLoader, TrainingBatch
from tasks.pretrain.training.loop import Training
from tasks.pretrain.training.training_data import TrainingData
from tests.pretrain.conftest import small

SETTINGS = small(family="bert")


@pytest.fixture
def batches(tokens: Path) -> BatchLoader:
    return BatchLoader(SETTINGS, TrainingData(SETTINGS, [tokens]))


def same(one: TrainingBatch, other: TrainingBatch) -> bool:
    arrays = all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays | other.arrays)
    return arrays and (one.num_tokens, one.seed) == (other.num_tokens, other.seed)


def test_a_batch_that_was_made_ahead_is_handed_out_once(batches: BatchLoader) -> None:
    slots = np.arange(4)
    fresh = batches.load_training(slots, 1)
    batches.prepare(slots, 1)
    ready = batches.load_training(slots, 1)
    assert same(ready, fresh)
    assert batches.load_training(slots, 1) is not ready


@pytest.mark.parametrize(("first", "cut"), [(4, 1), (0, 2)])
def test_what_was_made_for_other_rows_is_not_used(batches: BatchLoader, first: int, cut: int) -> None:
    slots = np.arange(first, first + 4)
    fresh = batches.load_training(slots, cut)
    batches.prepare(np.arange(4), 1)
    assert same(batches.load_training(slots, cut), fresh)
    assert len(fresh.arrays["tokens"]) == 4 * cut


def test_every_batch_of_a_run_but_the_first_was_made_ahead(
    training: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training(
        small(batch={"batch_size": 4, "warmup_batch_size": 2, "warmup_seq_length": 16, "warmup_fraction": 0.5})
    )
    made: list[bytes] = []
    genuine = run.data.load_rows
    monkeypatch.setattr(
        run.data, "load_rows", lambda samples, parts: made.append(samples.tobytes()) or genuine(samples, parts)
    )
    for _ in range(SETTINGS.steps):
        run.advance()
    assert len(made) == len(set(made)) == SETTINGS.steps
