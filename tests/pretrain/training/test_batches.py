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
    samples = np.arange(4)
    expected = batches.load_training(samples, 1)
    batches.prepare(samples, 1)
    prepared = batches.load_training(samples, 1)
    assert same(prepared, expected)
    assert batches.load_training(samples, 1) is not prepared


@pytest.mark.parametrize(("first", "parts"), [(4, 1), (0, 2)])
def test_what_was_made_for_other_rows_is_not_used(batches: BatchLoader, first: int, parts: int) -> None:
    samples = np.arange(first, first + 4)
    expected = batches.load_training(samples, parts)
    batches.prepare(np.arange(4), 1)
    assert same(batches.load_training(samples, parts), expected)
    assert len(expected.arrays["tokens"]) == 4 * parts


def test_every_batch_of_a_run_but_the_first_was_made_ahead(
    training: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training(
        small(batch={"batch_size": 4, "warmup_batch_size": 2, "warmup_seq_length": 16, "warmup_fraction": 0.5})
    )
    loaded: list[bytes] = []
    load_rows = run.data.load_rows
    monkeypatch.setattr(
        run.data, "load_rows", lambda samples, parts: loaded.append(samples.tobytes()) or load_rows(samples, parts)
    )
    for _ in range(SETTINGS.steps):
        run.advance()
    assert len(loaded) == len(set(loaded)) == SETTINGS.steps
