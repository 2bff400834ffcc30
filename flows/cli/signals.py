"""Ctrl-C, SIGTERM and a closed terminal end a command in order, soon, and with all processes that it started.

The first signal becomes an exception in the main thread: as it passes through a stage, the stage keeps what it has and
notes it on the exception. A second signal ends the command at once, and so does a main thread that does not return to
Python: either costs no more than `kill -9`, and the next run continues all the same.
"""

import atexit
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SIGNAL_SECONDS = 1.0  # signals so close to each other count as one: `timeout` sends its own twice
SECONDS_TO_REACT = 5.0  # for the main thread to raise the exception
SECONDS_TO_LEAVE = 5.0  # for Prefect's last messages
RESUMABLE_COMMANDS = {"run", "demo", "tune", "upgrade", "predict"}


class Interrupted(KeyboardInterrupt):
    """A signal asks the command to end."""


class SignalHandler:
    """Handles signals from its creation on, and ends the command."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = argv
        self.number, self.since = 0, 0.0  # the signal that came first, and when
        self.is_done = self.is_leaving = False  # the command has done its work; it was interrupted
        readable, writable = os.pipe()
        # set_wakeup_fd refuses a descriptor that may block
        os.set_blocking(writable, False)
        # atexit calls what was registered first last of all: everything else has had its turn by then
        atexit.register(self._exit_fast)
        threading.Thread(target=self._watch, args=(readable,), daemon=True).start()
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        for number in ENDING_SIGNALS:
            # nohup has SIGHUP ignored, and means it. A shell script has SIGINT ignored for what it starts with &, which
            # would make a run that kill -INT cannot end
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise the first signal as an exception; end at once on a second one."""
        if self.number and time.monotonic() - self.since < SAME_SIGNAL_SECONDS:
            return
        if self.number or self.is_done:
            self._end_now(number)
        self.number, self.since = number, time.monotonic()
        raise Interrupted(number)

    def _watch(self, readable: int) -> None:
        """Wait in a thread for signals: the wake-up descriptor works also when the main thread is deep in a library."""
        # each byte is the number of a signal
        while numbers := os.read(readable, 16):
            deadline = time.monotonic() + SECONDS_TO_REACT
            for number in set(numbers) & set(ENDING_SIGNALS):
                while not self.number:
                    if time.monotonic() > deadline:
                        self._end_now(number)
                    # polars handles SIGINT too, in a way that lets the main thread continue to wait for a lock
                    signal.siginterrupt(number, True)
                    signal.pthread_kill(threading.main_thread().ident or 0, number)
                    time.sleep(0.1)

    def is_cause_of(self, error: BaseException) -> bool:
        """Tell whether a signal ended the command; a library may have raised its own KeyboardInterrupt for it."""
        if isinstance(error, KeyboardInterrupt):
            self.number = self.number or signal.SIGINT
        return bool(self.number)

    def _end_now(self, number: int) -> NoReturn:
        self.number = self.number or number
        kill_children()
        print(f"\n{self.describe(None)}", file=sys.stderr, flush=True)
        os._exit(self.exit_code)

    @property
    def exit_code(self) -> int:
        """The exit code by the convention of shells: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    def describe(self, error: BaseException | None) -> str:
        """Return the message to the user: what was kept, and how to continue."""
        if not RESUMABLE_COMMANDS & set(self.argv):
            return "textmill: interrupted"
        kept = next(list_notes(error), "what was finished is kept")
        return f"textmill: interrupted; {kept}. To continue: textmill {shlex.join(self.argv)}"

    def prepare_exit(self) -> None:
        """Limit the time of what Prefect does at the end, and let no process stay."""
        self.is_leaving = True
        # Prefect's threads notice the end one after the other, and complain of each other's
        logging.disable()
        atexit.register(kill_children)
        limit = threading.Timer(SECONDS_TO_LEAVE, self._give_up)
        limit.daemon = True
        limit.start()

    def _give_up(self) -> None:
        kill_children()
        os._exit(self.exit_code)

    def _exit_fast(self) -> None:
        """Skip the interpreter's clean-up of libraries, which takes torch ten seconds on a busy core."""
        if self.is_leaving:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.exit_code)


def list_notes(error: BaseException | None) -> Iterator[str]:
    """Yield the notes that stages left on an exception, also on one that it replaced."""
    while error is not None:
        yield from getattr(error, "__notes__", ())
        error = error.__cause__ or error.__context__


def kill_children() -> None:
    """Kill the processes that this one started and that still run, with all that they started in turn.

    All but the tracker of shared resources: it ends with this process, and needs to hear what is released until then.
    """
    from multiprocessing import resource_tracker  # noqa: PLC0415 - only an interrupted command needs these

    import psutil  # noqa: PLC0415

    from tasks.runtime.process_tree import kill_tree  # noqa: PLC0415

    tracker = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined] # noqa: SLF001 - it has no public name
    kill_tree(child.pid for child in psutil.Process().children() if child.pid != tracker)
