"""Progress of a stage: a bar in a terminal, log lines everywhere else."""

import logging
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

log = logging.getLogger("textmill")

LOG_INTERVAL_SECONDS = 5.0


class progress:  # noqa: N801 - reads as a verb where it is used, like `open`
    """Count work done, e.g. `with progress(total=90, label="fetch", unit="pages") as bar: bar.update(3)`."""

    def __init__(self, total: int | None = None, label: str = "", unit: str = "", done: int = 0) -> None:
        self.label, self.unit, self.total, self.done = label, unit, total, done
        self.postfix = ""
        self.last_line = (-1, "")  # count and words of the line that was printed last
        self.started_at = self.printed_at = time.monotonic()
        self.initial_done = done
        self.bar = (
            tqdm(total=total, desc=label, unit=f" {unit}", initial=done, leave=False, dynamic_ncols=True)
            if sys.stderr.isatty()
            else None
        )

    def update(self, count: int = 1) -> None:
        """Count further units as done."""
        self.done += count
        if self.bar is not None:
            self.bar.update(count)
        elif time.monotonic() - self.printed_at >= LOG_INTERVAL_SECONDS:
            self.log_line()

    def set_postfix(self, text: str) -> None:
        """Set a text to be shown beside the count, such as the loss."""
        self.postfix = text
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)

    def log_line(self) -> None:
        """Log the progress, unless the last line said the same."""
        self.printed_at = time.monotonic()
        if self.last_line == (self.done, self.postfix):
            return
        self.last_line = (self.done, self.postfix)
        # what a killed run had done says nothing about the speed of this one
        rate = (self.done - self.initial_done) / max(self.printed_at - self.started_at, 1e-9)
        of = f"/{self.total:,}" if self.total else ""
        log.info("%s: %s%s %s, %.3g/s %s", self.label, f"{self.done:,}", of, self.unit, rate, self.postfix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        if kind is None:
            self.log_line()
