"""What ends a trainer from outside: SIGTERM, the death of its parent, a second trainer, a stall."""

import contextlib
import faulthandler
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import StageFailure

LOCK_SECONDS = 60.0
GRACE_SECONDS = 60.0


class Stop:
    """Set when training should save a checkpoint and end. Calling it tells whether it is."""

    def __init__(self) -> None:
        self.why = ""
        self.signals = 0

    def __call__(self) -> bool:
        return bool(self.why)

    def on_signals(self) -> None:
        """SIGTERM and SIGINT ask for a stop; a second one does not wait for the checkpoint."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, _frame: object) -> None:
        if self.signals:
            os._exit(128 + number)
        self.signals += 1
        self.why = signal.Signals(number).name

    def with_parent(self) -> None:
        """Stop when standard input ends: the parent holds its other end, so this is the parent's death."""
        threading.Thread(target=self._watch_parent, daemon=True).start()

    def _watch_parent(self) -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        self.why = self.why or "the end of its parent"
        time.sleep(GRACE_SECONDS)
        os._exit(1)  # a step that never ends must not outlive the parent


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: a trainer whose parent was killed may still be writing its last checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "trainer.lock").open("w") as file:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StageFailure(f"another trainer works in {folder}", "Wait for it, or end it") from None
                time.sleep(0.1)
        yield


def stall_seconds() -> float:
    """`TEXTMILL_STALL_SECONDS`: the longest a step may take."""
    return float(os.environ.get("TEXTMILL_STALL_SECONDS", "900"))


def alive() -> None:
    """Start the clock anew. When it runs out all stacks are written to standard error and the process ends with 1.

    The clock is a thread of the interpreter itself, so it also works when a library never gives the lock back.
    """
    faulthandler.dump_traceback_later(stall_seconds(), exit=True)


def asleep() -> None:
    """Stop the clock."""
    faulthandler.cancel_dump_traceback_later()
