"""What a stage shows while it works: a bar in a terminal, plain lines everywhere else."""

import logging
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

log = logging.getLogger("textmill")

PLAIN_LINE_SECONDS = 5.0


class progress:  # noqa: N801 - reads as a verb where it is used, like `open`
    """Count work done, e.g. `with progress(total=90, label="fetch", unit="pages") as bar: bar.update(3)`."""

    def __init__(self, total: int | None = None, label: str = "", unit: str = "", done: int = 0) -> None:
        self.label, self.unit, self.total, self.done = label, unit, total, done
        self.text = ""
        self.last = (-1, "")  # count and words of the line that was printed last
        self.started = self.printed = time.monotonic()
        self.first = done
        self.bar = (
            tqdm(total=total, desc=label, unit=f" {unit}", initial=done, leave=False, dynamic_ncols=True)
            if sys.stderr.isatty()
            else None
        )

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        if self.bar is not None:
            self.bar.update(count)
        elif time.monotonic() - self.printed >= PLAIN_LINE_SECONDS:
            self.line()

    def note(self, text: str) -> None:
        """Words beside the count, such as the loss."""
        self.text = text
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)

    def line(self) -> None:
        """Print how far it is, unless that was printed just so."""
        self.printed = time.monotonic()
        if self.last == (self.done, self.text):
            return
        self.last = (self.done, self.text)
        rate = (self.done - self.first) / max(self.printed - self.started, 1e-9)
        of = f"/{self.total:,}" if self.total else ""
        log.info("%s: %s%s %s, %.3g/s %s", self.label, f"{self.done:,}", of, self.unit, rate, self.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        if kind is None:
            self.line()
