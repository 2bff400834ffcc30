"""Out of memory: the batch that would fit is found by trying, and named."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from tasks.pretrain.training.loop import Training
from tasks.pretrain.training.out_of_memory import describe_out_of_memory, find_max_rows, is_out_of_memory
from tests.pretrain.conftest import finish, small

Start = Callable[..., Training]
ERROR = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nand more")


def with_room_for(run: Training, rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the run's device have room for so many rows. Returns the numbers that were tried."""
    tried: list[int] = []
    loss = type(run.objective).compute_loss

    def limited(objective: Any, learner: Any, batch: Mapping[str, torch.Tensor]) -> Any:
        tried.append(len(batch["tokens"]))
        if tried[-1] > rows:
            raise ERROR
        return loss(objective, learner, batch)

    monkeypatch.setattr(type(run.objective), "compute_loss", limited)
    return tried


@pytest.mark.parametrize(
    ("batch", "room", "expected"),
    [
        (
            {"batch_size": 16},
            5,
            "16 rows of 32 tokens at once do not fit, 4 do. Set pretrain.batch.grad_accumulation to 4, or",
        ),
        (
            {"batch_size": 12, "grad_accumulation": 2},
            3,
            "6 rows of .* 3 do. Set pretrain.batch.grad_accumulation to 4, or set TEXTMILL_",
        ),
        ({"batch_size": 7}, 4, "7 rows of .* 3 do. Set pretrain.batch.grad_accumulation to 7, or"),
        ({"batch_size": 4}, 0, "do not fit, nor does one. Lower pretrain.batch.seq_length or the model's size, or"),
    ],
)
def test_the_batch_that_fits_is_named(
    training: Start, monkeypatch: pytest.MonkeyPatch, batch: dict[str, int], room: int, expected: str
) -> None:
    run = training(small(batch=batch))
    with_room_for(run, room, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError) as raised:
        finish(run)
    failure = describe_out_of_memory(raised.value, run)
    assert str(failure).startswith("out of memory: CUDA out of memory. Tried to allocate 2 GiB. ")
    with pytest.raises(type(failure), match=expected):
        raise failure


def test_what_compares_rows_is_told_to_read_fewer(training: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = training(small(family="bert", objective={"kind": "simcse"}, batch={"batch_size": 8}))
    with_room_for(run, 2, monkeypatch)
    assert "2 do. Set pretrain.batch.batch_size to 2, or" in str(describe_out_of_memory(ERROR, run))


def test_rows_are_halved_until_they_fit(training: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = training(small(batch={"batch_size": 32}))
    tried = with_room_for(run, 3, monkeypatch)
    assert find_max_rows(run, 16) == 2
    assert tried == [16, 8, 4, 2]


def test_another_error_is_no_matter_of_memory(training: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    run = training(small())
    monkeypatch.setattr(run.gradients, "to_device", lambda _: {})
    with pytest.raises(KeyError):
        find_max_rows(run, 2)
