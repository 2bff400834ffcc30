from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from tasks.pretrain.monitoring.tensorboard_events import EventWriter, export_events
from tests.pretrain.event_files import read_points

RECORDS = [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.25, "validation_loss": 3.0}, {"step": 3, "loss": 2.0}]


def points_of(*records: dict[str, float]) -> list[tuple[int, str, float]]:
    return [(record["step"], name, record[name]) for record in records for name in record if name != "step"]


def test_every_number_is_a_scalar(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    writer.rewrite(RECORDS[:1])
    writer.add(RECORDS[1])
    writer.close()
    assert read_points(tmp_path) == [(1, "loss", 2.5), (2, "loss", 2.25), (2, "validation_loss", 3.0)]


def test_a_closed_writer_goes_on_in_another_file(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    writer.rewrite(RECORDS[:1])
    for record in RECORDS[1:]:
        writer.close()
        writer.add(record)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert read_points(tmp_path) == points_of(*RECORDS)


def test_resuming_neither_doubles_nor_loses_points(tmp_path: Path) -> None:
    (tmp_path / "speed").mkdir()
    killed = EventWriter(tmp_path)
    killed.rewrite([])
    for record in ({"step": 1, "loss": 2.5}, {"step": 2, "loss": 9.0}, {"step": 3, "loss": 9.0}):
        killed.add(record)
    killed.close()
    resumed = EventWriter(tmp_path)
    resumed.rewrite(RECORDS[:1])  # the checkpoint is of step 1
    for record in RECORDS[1:]:
        resumed.add(record)
    resumed.close()
    assert read_points(tmp_path) == points_of(*RECORDS)
    assert (tmp_path / "speed").exists(), "the events of another writer are not ours"


def test_an_open_tensorboard_drops_the_points_that_are_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorBoard reads files in the order of their names, which end in the number of the writer in its process: here it
    # is counted from 0, so that 10 does not come before 9
    monkeypatch.setattr(event_file_writer, "_global_uid", type(event_file_writer._global_uid)(0))
    first = EventWriter(tmp_path)
    first.rewrite([])
    for record in ({"step": 1, "loss": 2.5}, {"step": 2, "loss": 9.0}):
        first.add(record)
    first.close()
    tensorboard = EventAccumulator(str(tmp_path)).Reload()
    assert [event.value for event in tensorboard.Scalars("loss")] == [2.5, 9.0]
    resumed = EventWriter(tmp_path)
    resumed.rewrite(RECORDS)
    resumed.close()
    tensorboard.Reload()
    points = [(event.step, event.value, event.wall_time) for event in tensorboard.Scalars("loss")]
    assert points == [(1, 2.5, 1.0), (2, 2.25, 2.0), (3, 2.0, 3.0)]


def test_an_exported_file_has_the_same_name_each_time(tmp_path: Path) -> None:
    first, second = export_events(tmp_path / "a", RECORDS), export_events(tmp_path / "b", RECORDS)
    assert first.name == second.name
    assert read_points(tmp_path / "a") == read_points(tmp_path / "b") == points_of(*RECORDS)
