"""How fast a run goes, step by step. Kept apart from the metrics, which are the same each time."""

import json
from pathlib import Path
from typing import Any

from tasks.model.flops import TrainingFlops, find_peak_flops
from tasks.model.hardware import Hardware
from tasks.model.packed import PackedModel
from tasks.pretrain.monitoring.metrics import read_metrics
from tasks.pretrain.monitoring.tensorboard_events import event, write_events

Line = dict[str, Any]


class Speed:
    """Tokens a second, and the share of what the hardware could do at best (MFU): `speed.jsonl`, TensorBoard."""

    def __init__(
        self, folder: Path, step: int, model: PackedModel, length: int, hardware: Hardware, ranks: int
    ) -> None:
        self.path, self.events = folder / "speed.jsonl", folder / "events" / "speed"
        self.lines: list[Line] = []
        for line in read_metrics(self.path):
            if line["step"] <= step:
                self._take(line)
        self.flops = TrainingFlops(model, length)
        self.peak = find_peak_flops(hardware.device, hardware.precision) * ranks
        self.tokens, self.done, self.seconds = 0, 0.0, 0.0

    def begin(self) -> None:
        """Write the files anew with the lines so far."""
        self.path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        write_events(self.events, self.lines)

    def add(self, step: int, tokens: int, guessed: float, seconds: float) -> Line:
        """Take in a step over so many tokens, at so many of which a token was guessed. Returns its line."""
        flops = self.flops.count_step(tokens, guessed)
        self.tokens, self.done, self.seconds = self.tokens + tokens, self.done + flops, self.seconds + seconds
        line = {
            "step": step,
            "tokens_per_second": round(tokens / seconds, 1),
            "mfu": float(f"{flops / seconds / self.peak:.4g}"),
        }
        self._take(line)
        with self.path.open("a") as file, next(self.events.iterdir()).open("ab") as events:
            file.write(json.dumps(line) + "\n")
            events.write(event(line))
        return line

    def _take(self, line: Line) -> None:
        while self.lines and self.lines[-1]["step"] >= line["step"]:  # the run went back
            self.lines.pop()
        self.lines.append(line)

    @property
    def rate(self) -> float:
        """Tokens a second since this process began."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def mfu(self) -> float:
        """Model FLOPs utilisation since this process began."""
        return self.done / self.seconds / self.peak if self.seconds else 0.0
