from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tasks.pretrain.monitoring.tensorboard_events import event, write_events

LINES = [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.25, "validation_loss": 3.0}]


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    path = write_events(tmp_path, LINES[:1])
    with path.open("ab") as file:
        file.write(event(LINES[1]))
    found = [
        (read.step, value.tag, value.tensor.float_val[0])
        for read in EventFileLoader(str(path)).Load()
        for value in read.summary.value
    ]
    assert found == [(1, "loss", 2.5), (2, "loss", 2.25), (2, "validation_loss", 3.0)]


def test_bytes_depend_on_the_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_events(tmp_path / "a", LINES)
    monkeypatch.setattr("time.time", lambda: 12345.0)
    second = write_events(tmp_path / "b", LINES)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
