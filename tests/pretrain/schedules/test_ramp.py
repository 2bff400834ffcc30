from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.data.rows import PADDING, Rows, split_rows
from tasks.pretrain.schedules.ramp import Ramp
from tasks.pretrain.training.loop import Training, train
from tests.pretrain.conftest import small

WORDS = Vocabulary(size=500, pad=0, start=2, end=3, mask=4)


def test_it_doubles_in_equal_stages() -> None:
    assert [Ramp(2, 16, 6).value_at(step) for step in range(8)] == [2, 2, 4, 4, 8, 8, 16, 16]
    assert [Ramp(16, 16, 6).value_at(step) for step in range(3)] == [16, 16, 16]
    assert Ramp(2, 16, 0).value_at(0) == 16


@pytest.mark.parametrize("ramp", [Ramp(2, 16, 30), Ramp(2, 16, 7), Ramp(4, 4, 10), Ramp(4, 8, 0), Ramp(1, 64, 3)])
def test_the_sum_before_a_step_is_that_of_its_steps(ramp: Ramp) -> None:
    total = 0
    for step in range(40):
        assert ramp.sum_before(step) == total
        total += ramp.value_at(step)


def test_only_doubling_is_taken() -> None:
    with pytest.raises(
        ValidationError, match="warmup_batch_size must grow to batch_size by doubling: 3 does not become 8"
    ):
        small(batch={"batch_size": 8, "warmup_batch_size": 3})
    with pytest.raises(
        ValidationError, match="warmup_seq_length must grow to seq_length by doubling: 12 does not become 32"
    ):
        small(batch={"warmup_seq_length": 12})
    with pytest.raises(ValidationError, match="2 rows do not split into 4"):
        small(batch={"batch_size": 8, "warmup_batch_size": 2, "grad_accumulation": 4})


@pytest.mark.parametrize("ramp", [0.0, 0.3, 1.0])
def test_a_budget_in_tokens_counts_the_smaller_steps(ramp: float) -> None:
    settings = small(tokens=20000, batch={"batch_size": 8, "warmup_batch_size": 2, "warmup_fraction": ramp})
    steps = settings.num_steps
    assert settings.batch_size_ramp.sum_before(steps) * 32 >= 20000
    assert settings._build_ramp(steps - 1).sum_before(steps - 1) * 32 < 20000


def test_rows_are_cut_without_loss_and_each_document_begins_anew() -> None:
    documents = np.array([[0, 0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, PADDING, PADDING]])
    positions = np.array([[0, 1, 2, 0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 0, 0]])
    tokens = np.arange(10, 26).reshape(2, 8)
    rows = split_rows(Rows(tokens, positions, documents, WORDS, positions == 0), 4)
    assert rows.tokens.tolist() == [[10, 11], [12, 13], [14, 15], [16, 17], [18, 19], [20, 21], [22, 23], [24, 25]]
    assert rows.documents.tolist() == [[0, 0], [0, 1], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [PADDING, PADDING]]
    assert rows.positions.tolist() == [[0, 1], [0, 0], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 0]]
    assert rows.sentences is not None
    assert rows.sentences[:6, 0].all()
    assert not rows.sentences[0, 1]


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_a_ramped_run_reads_every_row_once_and_resumes_to_the_same_bits(
    training: Callable[..., Training], monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    batch = {"batch_size": 8, "warmup_batch_size": 2, "warmup_seq_length": 8, "warmup_fraction": 0.5}
    settings = small(family=family, steps=12, batch=batch)
    reads: list[tuple[list[int], int]] = []

    def finish(run: Training, until: int = 99) -> Training:
        train(run, report=lambda *_: None, stopped=lambda: run.progress.step >= until, seconds=1e9)
        return run

    uninterrupted = training(settings, "whole")
    load_rows = uninterrupted.data.load_rows

    def recording_load_rows(samples: Int64s, parts: int) -> Rows:
        reads.append((samples.tolist(), parts))
        return load_rows(samples, parts)

    monkeypatch.setattr(uninterrupted.data, "load_rows", recording_load_rows)
    finish(uninterrupted)
    assert [sample for samples, _ in reads for sample in samples] == list(range(2 * 3 + 4 * 3 + 8 * 6))
    assert [len(samples) for samples, _ in reads] == [2] * 3 + [4] * 3 + [8] * 6
    assert [parts for _, parts in reads] == [4] * 3 + [2] * 3 + [1] * 6
    finish(training(settings, "stopped"), 4)
    resumed = finish(training(settings, "stopped"))
    assert resumed.metrics.path.read_bytes() == uninterrupted.metrics.path.read_bytes()
    for one, other in zip(uninterrupted.learner.parameters(), resumed.learner.parameters(), strict=True):
        assert torch.equal(one, other)
