"""What a run measured, step by step: `metrics.jsonl` and live TensorBoard events, both without wall times."""

import json
import os
from pathlib import Path
from typing import Any

from tasks.pretrain.monitoring.tensorboard_events import NAME, event, write_events


class Metrics:
    """Appends a line a step. Lines behind the checkpoint that a run goes on from are dropped, then made again."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self.path, self.events = folder, folder / "metrics.jsonl", folder / "events" / NAME
        self.writes = False
        self.lines = [line for line in read_metrics(self.path) if line["step"] <= step]
        if len(self.lines) != step:
            raise ValueError(f"{self.path} holds {len(self.lines)} of the {step} steps of the checkpoint")

    def begin(self) -> None:
        """Write the files anew with the lines so far, and from now on each line as it comes: one process a run does."""
        self.writes = True
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(map(_text, self.lines)))
        write_events(self.events.parent, self.lines)

    def add(self, line: dict[str, Any]) -> None:
        """The line of the next step; readers see it at once."""
        self.lines.append(line)
        if self.writes:
            with self.path.open("a") as file, self.events.open("ab") as events:
                file.write(_text(line))
                events.write(event(line))

    def drop_after(self, step: int) -> None:
        """Go back to a step."""
        del self.lines[step:]
        if self.writes:
            self.begin()

    def sync(self) -> None:
        """Force all lines to disk: a checkpoint must not know of steps that the metrics do not."""
        with self.path.open("a") as file:
            os.fsync(file.fileno())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics file, which may be missing or end in a torn line."""
    if not path.exists():
        return []
    text = path.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line) + "\n"
