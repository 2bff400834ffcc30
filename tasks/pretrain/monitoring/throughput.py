"""The throughput of a run, step by step. Kept apart from the metrics, which are the same each time."""

from pathlib import Path

from tasks.model.flops import TrainingFlops, find_peak_flops
from tasks.model.hardware import Hardware
from tasks.model.packed import PackedModel
from tasks.pretrain.monitoring.metrics import StepMetrics, as_json_line, read_metrics, write_metrics
from tasks.pretrain.monitoring.tensorboard_events import EventWriter


class Throughput:
    """Tokens a second, and the fraction of the hardware's peak FLOPs (MFU), in `speed.jsonl` and TensorBoard events."""

    def __init__(
        self, folder: Path, step: int, model: PackedModel, seq_length: int, hardware: Hardware, num_ranks: int
    ) -> None:
        self.path, self.events = folder / "speed.jsonl", EventWriter(folder / "events" / "speed")
        self.records: list[StepMetrics] = []
        for record in read_metrics(self.path):
            if record["step"] <= step:
                self._append(record)
        self.flops = TrainingFlops(model, seq_length)
        self.peak_flops = find_peak_flops(hardware.device, hardware.precision) * num_ranks
        # since this process began: the records before may be of another machine
        self.tokens, self.flops_done, self.seconds = 0, 0.0, 0.0

    def start_writing(self) -> None:
        """Write the files again with the records so far."""
        write_metrics(self.path, self.records)
        self.events.rewrite(self.records)

    def add(self, step: int, num_tokens: int, num_predictions: float, seconds: float) -> StepMetrics:
        """Take in a step over so many tokens, at so many of which a token was predicted. Returns its record."""
        flops = self.flops.count_step(num_tokens, num_predictions)
        self.tokens += num_tokens
        self.flops_done += flops
        self.seconds += seconds
        record = {
            "step": step,
            "tokens_per_second": round(num_tokens / seconds, 1),
            # Four significant digits: an MFU may be far below 1 %.
            "mfu": float(f"{flops / seconds / self.peak_flops:.4g}"),
        }
        self._append(record)
        with self.path.open("a") as file:
            file.write(as_json_line(record))
        self.events.add(record)
        return record

    def close(self) -> None:
        """Block until the events are written."""
        self.events.close()

    def _append(self, record: StepMetrics) -> None:
        while self.records and self.records[-1]["step"] >= record["step"]:  # the run was rolled back
            self.records.pop()
        self.records.append(record)

    @property
    def tokens_per_second(self) -> float:
        """Mean since this process began."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def mfu(self) -> float:
        """Model FLOPs utilisation since this process began, as a fraction."""
        return self.flops_done / self.seconds / self.peak_flops if self.seconds else 0.0
