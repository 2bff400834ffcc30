"""The metrics of a run that goes on."""

import json
from pathlib import Path

import pytest

from tasks.errors import StageFailure
from tasks.pretrain.monitoring.metrics import MetricsLog, read_metrics, write_metrics


def make_records(number: int) -> list[dict[str, int]]:
    return [{"step": step, "loss": 10 - step} for step in range(1, number + 1)]


def test_records_behind_the_checkpoint_and_a_torn_line_are_dropped(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.jsonl", make_records(5))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')
    assert MetricsLog(tmp_path, 3).records == make_records(3)


@pytest.mark.parametrize("damage", [b"?", b"\xff", b"\n", b"["])
def test_a_damaged_line_is_named_and_costs_no_other(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scratch" / "metrics.jsonl"
    path.parent.mkdir()
    lines = [json.dumps(record).encode() + b"\n" for record in make_records(5)]
    path.write_bytes(b"".join([*lines[:2], damage + lines[2][1:], *lines[3:]]))
    assert [record["step"] for record in read_metrics(path)] == [1, 2, 4, 5]
    with pytest.raises(StageFailure, match=rf"{path} is damaged: it holds 4 of the 5 steps.*remove {tmp_path} to"):
        MetricsLog(path.parent, 5)
    assert MetricsLog(path.parent, 2).records == make_records(2)
