"""The metrics of a run, step by step: `metrics.jsonl`, which holds no times, and live TensorBoard events."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure
from tasks.pretrain.monitoring.tensorboard_events import EventWriter

StepMetrics = dict[str, Any]
"""numbers by name; `step` is always among them"""


class MetricsLog:
    """Appends one record a step. Records behind the checkpoint that a run resumes from are dropped, and made again."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self.path = folder, folder / "metrics.jsonl"
        self.events = EventWriter(folder / "events")
        self.is_writing = False
        self.records = [record for record in read_metrics(self.path) if record["step"] <= step]
        # Checkpoints sync the metrics first, so fewer records mean that the file was changed or lost.
        if [record["step"] for record in self.records] != list(range(1, step + 1)):
            raise StageFailure(
                f"{self.path} is damaged: it holds {len(self.records):,} of the {step:,} steps of the checkpoint",
                f"Restore it, or remove {folder.parent} to train from the beginning",
            )

    def start_writing(self) -> None:
        """Write the files again with the records so far, and from now on each record as it comes: one rank does."""
        self.is_writing = True
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(map(as_json_line, self.records)))
        self.events.rewrite(self.records)

    def add(self, record: StepMetrics) -> None:
        """Append the record of the next step; readers of the file see it at once."""
        self.records.append(record)
        if self.is_writing:
            with self.path.open("a") as file:
                file.write(as_json_line(record))
            self.events.add(record)

    def truncate(self, step: int) -> None:
        """Drop the records behind a step."""
        # Record n is of step n + 1.
        del self.records[step:]
        if self.is_writing:
            self.start_writing()

    def sync(self) -> None:
        """Force all records to disk, in the rank that writes them."""
        if self.is_writing:
            with self.path.open("a") as file:
                os.fsync(file.fileno())

    def close(self) -> None:
        """Block until the events are written."""
        self.events.close()


def read_metrics(path: Path) -> list[StepMetrics]:
    """Read the lines of a metrics file, which may be missing; torn and damaged lines are left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):  # a killed process may have written half a line
            record = json.loads(line)
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                records.append(record)
    return records


def write_metrics(path: Path, records: Iterable[StepMetrics]) -> None:
    """Write a metrics file at once."""
    path.write_text("".join(map(as_json_line, records)))


def as_json_line(record: StepMetrics) -> str:
    """Render a record as a line of a metrics file."""
    return json.dumps(record) + "\n"
