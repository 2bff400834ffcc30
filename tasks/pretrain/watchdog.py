"""Guards that end a trainer from outside: SIGTERM, the death of its parent, a second trainer, a stall."""

import contextlib
import faulthandler
import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import StageFailure

LOCK_SECONDS = 60.0
GRACE_SECONDS = 60.0


class StopRequest:
    """A request that training save a checkpoint and end. Calling it returns whether it was made."""

    def __init__(self) -> None:
        self.reason = ""
        self.num_signals = 0

    def __call__(self) -> bool:
        return bool(self.reason)

    def install_signal_handlers(self) -> None:
        """Let SIGTERM and SIGINT ask for a stop; a second one ends the process without waiting for the checkpoint."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)

    def _handle_signal(self, number: int, _frame: object) -> None:
        # _exit and not sys.exit: an exception raised inside a handler could be swallowed by whatever runs at the
        # moment.
        if self.num_signals:
            os._exit(128 + number)
        self.num_signals += 1
        # The handler only notes the request: the loop asks for it between two steps, where the state is consistent.
        self.reason = signal.Signals(number).name

    def watch_parent(self, parent_input: int) -> None:
        """Ask for a stop when a pipe ends: the parent holds its other end, so it has died."""
        threading.Thread(target=self._wait_for_end_of_input, args=(parent_input,), daemon=True).start()

    def _wait_for_end_of_input(self, parent_input: int) -> None:
        # os.read returns b"" at the end of the pipe
        while os.read(parent_input, 1024):
            pass
        self.reason = self.reason or "the end of its parent"
        # a step that never ends must not outlive the parent
        time.sleep(GRACE_SECONDS)
        os._exit(1)


@contextlib.contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock inside the block. Raises StageFailure when another trainer holds it for a minute.

    A trainer whose parent was killed may still be writing its last checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # flock and not a file with a process id: the system frees it when its holder is killed
    with (folder / "trainer.lock").open("w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                # Not blocking, so that the wait has an end. The lock goes with the open file: it is held until the
                # `with` closes it.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StageFailure(f"another trainer works in {folder}", "Wait for it, or end it") from None
                time.sleep(0.1)
        yield


def read_stall_seconds() -> float:
    """Return the longest that a step may take: `TEXTMILL_STALL_SECONDS`, by default 900."""
    return float(os.environ.get("TEXTMILL_STALL_SECONDS", "900"))


def reset_watchdog() -> None:
    """Start the clock again. When it runs out, all stacks go to standard error and the process ends with code 1.

    The clock is a thread of faulthandler in C, so it also works when a library never gives the interpreter lock back.
    """
    # Each call replaces the previous timer.
    faulthandler.dump_traceback_later(read_stall_seconds(), exit=True)


def stop_watchdog() -> None:
    """Stop the clock."""
    faulthandler.cancel_dump_traceback_later()
