"""Progress of a stage: a bar in a terminal, log lines everywhere else."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

log = logging.getLogger("textmill")

LOG_INTERVAL_SECONDS = 5.0
HEARTBEAT_SECONDS = 30.0
"""Work that counts nothing for so long says that it goes on: a step of one shard may take ten minutes"""


class progress:  # noqa: N801 - reads as a verb where it is used, like `open`
    """Count work done, e.g. `with progress(total=90, label="fetch", unit="pages") as bar: bar.update(3)`.

    `done` is what an earlier run did: it is shown, and says nothing about the speed of this one.
    """

    def __init__(self, total: int | None = None, label: str = "", unit: str = "", done: int = 0) -> None:
        self.label, self.unit, self.total, self.done = label, unit, total, done
        self.postfix = ""
        self.last_line = (-1, "")  # count and words of the line that was printed last
        self.started_at = self.printed_at = self.counted_at = time.monotonic()
        self.initial_done = done
        self.bar = (
            tqdm(total=total, desc=label, unit=f" {unit}", initial=done, leave=False, dynamic_ncols=True)
            if sys.stderr.isatty()
            else None
        )
        self._ended = threading.Event()
        self._heartbeat = threading.Thread(target=self._beat, name=f"progress of {label}", daemon=True)

    def update(self, count: int = 1) -> None:
        """Count further units as done."""
        self.done += count
        self.counted_at = time.monotonic()
        if self.bar is not None:
            self.bar.update(count)
        elif time.monotonic() - self.printed_at >= LOG_INTERVAL_SECONDS:
            self.log_line()

    def set_postfix(self, text: str) -> None:
        """Set a text to be shown beside the count, such as the loss."""
        self.postfix = text
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)

    @property
    def rate(self) -> float:
        """Units a second, of this run's work alone."""
        return (self.done - self.initial_done) / max(time.monotonic() - self.started_at, 1e-9)

    def log_line(self) -> None:
        """Log the progress, unless the last line said the same."""
        self.printed_at = time.monotonic()
        if self.last_line == (self.done, self.postfix):
            return
        self.last_line = (self.done, self.postfix)
        of = f"/{self.total:,}" if self.total else ""
        rate = f"{self.rate:.3g}/s{self.format_time_left()}"
        log.info("%s: %s%s %s, %s %s", self.label, f"{self.done:,}", of, self.unit, rate, self.postfix)

    def format_time_left(self) -> str:
        """Return the time that is left at the rate so far, `, about 3 min left`; empty where it cannot be told."""
        remaining = (self.total or 0) - self.done
        return f", about {format_duration(remaining / self.rate)} left" if remaining > 0 and self.rate > 0 else ""

    def _beat(self) -> None:
        """Say that the work goes on, when nothing was counted for a while."""
        while not self._ended.wait(HEARTBEAT_SECONDS):
            now = time.monotonic()
            if self.bar is not None:
                self.bar.refresh()
            elif now - max(self.counted_at, self.printed_at) >= HEARTBEAT_SECONDS:
                self.printed_at = now
                of = f" of {self.total:,}" if self.total else ""
                log.info(
                    "%s: still running, %s%s %s done after %s%s",
                    self.label,
                    f"{self.done:,}",
                    of,
                    self.unit,
                    format_duration(now - self.started_at),
                    self.format_time_left(),
                )

    def __enter__(self) -> Self:
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._heartbeat.join()
        if self.bar is not None:
            self.bar.close()
        if kind is None:
            self.log_line()


def format_duration(seconds: float) -> str:
    """Format seconds as people say them: `40 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
