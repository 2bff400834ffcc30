"""Ctrl-C, SIGTERM and a closed terminal end a command in order, soon, and with all that it started.

The first signal becomes an exception in the main thread: as it passes through a stage, the stage keeps what it has and
notes it on the exception. A second signal ends the command at once, and so does a main thread that does not come back
to Python: either costs no more than kill -9, and the next run goes on all the same.
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

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TOGETHER = 1.0  # seconds; signals so close to each other are one: `timeout` sends its own twice
SECONDS_TO_HEAR = 5.0
SECONDS_TO_LEAVE = 5.0  # what Prefect may take for its last words
GOES_ON = {"run", "demo", "search"}  # the commands that keep what they did


class Interrupted(KeyboardInterrupt):
    """A signal asks the command to end."""


class Interruption:
    """Listens for signals from when it is made."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.number, self.since = 0, 0.0  # the signal that came first, and when
        self.ended = self.leaves = False  # whether the command has done its work; whether it was cut short
        readable, writable = os.pipe()
        os.set_blocking(writable, False)
        atexit.register(self._last)  # the first to be registered is the last to be called
        threading.Thread(target=self._watch, args=(readable,), daemon=True).start()
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        for number in ENDING:
            # nohup has it ignored, and means it. A shell script has SIGINT ignored for what it starts with &, which
            # would make a run that kill -INT cannot end
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        """The first signal is raised, a second one does not wait for what it unwinds."""
        if self.number and time.monotonic() - self.since < TOGETHER:
            return
        if self.number or self.ended:
            self._end_now(number)
        self.number, self.since = number, time.monotonic()
        raise Interrupted(number)

    def _watch(self, readable: int) -> None:
        """The kernel's word of a signal comes here also when the main thread is deep in a library."""
        while numbers := os.read(readable, 16):
            until = time.monotonic() + SECONDS_TO_HEAR
            for number in set(numbers) & set(ENDING):
                while not self.number:
                    if time.monotonic() > until:
                        self._end_now(number)
                    # polars takes SIGINT too, and in a way that lets the main thread go on waiting for a lock
                    signal.siginterrupt(number, True)
                    signal.pthread_kill(threading.main_thread().ident or 0, number)
                    time.sleep(0.1)

    def caused(self, error: BaseException) -> bool:
        """Whether it is a signal that ended the command; a library may have raised its own KeyboardInterrupt for it."""
        if isinstance(error, KeyboardInterrupt):
            self.number = self.number or signal.SIGINT
        return bool(self.number)

    def _end_now(self, number: int) -> NoReturn:
        self.number = self.number or number
        end_children()
        print(f"\n{self.line(None)}", file=sys.stderr, flush=True)
        os._exit(self.code)

    @property
    def code(self) -> int:
        """The exit code, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    def line(self, error: BaseException | None) -> str:
        """What is said to the user: what was kept, and how to go on."""
        if not GOES_ON & set(self.words):
            return "textmill: interrupted"
        kept = next(notes(error), "what was finished is kept")
        return f"textmill: interrupted; {kept}. To go on: textmill {shlex.join(self.words)}"

    def leave(self) -> None:
        """What Prefect says at the end has a limit, and nothing that was started stays."""
        self.leaves = True
        logging.disable()  # Prefect's threads are told of the end one after the other, and complain of each other's
        atexit.register(end_children)
        limit = threading.Timer(SECONDS_TO_LEAVE, self._give_up)
        limit.daemon = True
        limit.start()

    def _give_up(self) -> None:
        end_children()
        os._exit(self.code)

    def _last(self) -> None:
        """What is left is the interpreter putting its libraries away, which takes torch ten seconds on a busy core."""
        if self.leaves:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


def notes(error: BaseException | None) -> Iterator[str]:
    """What the layers that an exception came through have to say, also those of one that it replaced."""
    while error is not None:
        yield from getattr(error, "__notes__", ())
        error = error.__cause__ or error.__context__


def end_children() -> None:
    """End what this process started and still runs, with all that it started in turn.

    But for the tracker of shared resources: it ends with us, and what is given back until then is told to it.
    """
    from multiprocessing import resource_tracker  # noqa: PLC0415 - only an interrupted command needs these

    import psutil  # noqa: PLC0415

    from tasks.runtime.process_tree import kill_tree  # noqa: PLC0415

    tracker = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined] # noqa: SLF001 - it tells nobody
    kill_tree(each.pid for each in psutil.Process().children() if each.pid != tracker)
