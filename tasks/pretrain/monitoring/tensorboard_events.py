"""TensorBoard events whose bytes depend on the metrics only: the wall time is the step, no host is named."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

NAME = "events.out.tfevents.0000000000.textmill"


def write_events(folder: Path, lines: Iterable[dict[str, Any]]) -> Path:
    """Write all events of a run anew. Returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with path.open("wb") as file:
        file.write(_record(step=0, version="brain.Event:2"))
        file.writelines(map(event, lines))
    return path


def event(line: dict[str, Any]) -> bytes:
    """One line of metrics as a record: a scalar for every number but the step."""
    return _record(line["step"], scalars={name: value for name, value in line.items() if name != "step"})


def _record(step: int, scalars: dict[str, float] | None = None, version: str | None = None) -> bytes:
    message = Event(wall_time=step, step=step)
    if version is not None:
        message.file_version = version
    else:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in (scalars or {}).items()]
        message.summary.CopyFrom(Summary(value=values))
    buffer = io.BytesIO()
    RecordWriter(buffer).write(message.SerializeToString(deterministic=True))
    return buffer.getvalue()
