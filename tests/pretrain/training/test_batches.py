from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.pretrain.training.batches import Batch, Batches
from tasks.pretrain.training.loop import Training
from tasks.pretrain.training.training_data import Corpus
from tests.pretrain.conftest import small

SETTINGS = small(family="bert")


@pytest.fixture
def batches(tokens: Path) -> Batches:
    return Batches(SETTINGS, Corpus(SETTINGS, [tokens]))


def same(one: Batch, other: Batch) -> bool:
    arrays = all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays | other.arrays)
    return arrays and (one.tokens, one.seed) == (other.tokens, other.seed)


def test_a_batch_that_was_made_ahead_is_handed_out_once(batches: Batches) -> None:
    slots = np.arange(4)
    fresh = batches.training(slots, 1)
    batches.prepare(slots, 1)
    ready = batches.training(slots, 1)
    assert same(ready, fresh)
    assert batches.training(slots, 1) is not ready


@pytest.mark.parametrize(("first", "cut"), [(4, 1), (0, 2)])
def test_what_was_made_for_other_rows_is_not_used(batches: Batches, first: int, cut: int) -> None:
    slots = np.arange(first, first + 4)
    fresh = batches.training(slots, cut)
    batches.prepare(np.arange(4), 1)
    assert same(batches.training(slots, cut), fresh)
    assert len(fresh.arrays["tokens"]) == 4 * cut


def test_every_batch_of_a_run_but_the_first_was_made_ahead(
    training: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training(small(batch={"rows": 4, "first_rows": 2, "first_length": 16, "ramp": 0.5}))
    made: list[bytes] = []
    genuine = run.corpus.at
    monkeypatch.setattr(run.corpus, "at", lambda slots, cut: made.append(slots.tobytes()) or genuine(slots, cut))
    for _ in range(SETTINGS.steps):
        run.advance()
    assert len(made) == len(set(made)) == SETTINGS.steps
