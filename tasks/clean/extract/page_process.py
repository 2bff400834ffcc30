"""Pages are read in a process of their own, so that one which hangs or kills it costs nothing but itself.

    python -m tasks.clean.extract.page_process FD

It is a plain child process, which any engine's worker may have, is kept from shard to shard, and ends with its parent.
"""

import atexit
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import Page, page
from tasks.clean.extract.unusable import Unusable
from tasks.errors import StageFailure

SECONDS_TO_START = 300  # the first one on a machine compiles the loops
COMMAND = [sys.executable, "-m", "tasks.clean.extract.page_process"]
DIED = "ends the process that reads it"
GRACE = 60  # seconds after which a page that never ends is ended by the kernel, when the parent is not there to do it
ATTEMPTS = 2  # whatever else ended the process, a want of memory for example, hardly strikes the same page again


class Raw(NamedTuple):
    """A page as it was fetched."""

    body: bytes
    content_type: str | None
    title: str


def outcome(raw: Raw, settings: HtmlExtraction) -> Page | Unusable:
    """The page, or why there is none."""
    try:
        return page(raw.body, raw.content_type, settings, raw.title)
    except Unusable as reason:
        return reason
    except Exception as error:  # noqa: BLE001 - one strange page must not lose the shard; it is counted and named
        return Unusable(f"error {type(error).__name__}")


class Reader:
    """The parent's end of the process."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def outcomes(self, raws: list[Raw], settings: HtmlExtraction) -> list[Page | Unusable]:
        """One for each page, in order. Raises StageFailure when no process can be started."""
        found: list[Page | Unusable] = []
        attempts = 0
        while len(found) < len(raws):
            before = len(found)
            failure = self._read(raws[before:], settings, found)
            attempts = attempts + 1 if len(found) == before else 1
            if failure and attempts == ATTEMPTS:
                found.append(Unusable(failure))
                attempts = 0
        return found

    def _read(self, raws: list[Raw], settings: HtmlExtraction, found: list[Page | Unusable]) -> str:
        """Add what comes back; returns why not all came."""
        starts = self._pipe is None
        pipe = self._started()
        if not self._is_ready(pipe, raws, settings):
            self.stop()
            if starts:
                raise StageFailure(f"{' '.join(COMMAND)} does not start", "What it wrote to standard error says why")
            return DIED
        try:
            for _ in raws:
                if not pipe.poll(settings.most_seconds):
                    self.stop()
                    return f"takes more than {settings.most_seconds} seconds"
                found.append(pipe.recv())
        except (EOFError, OSError):
            self.stop()
            return DIED
        except BaseException:  # interrupted: what is still under way must not answer the next question
            self.stop()
            raise
        return ""

    @staticmethod
    def _is_ready(pipe: Connection, raws: list[Raw], settings: HtmlExtraction) -> bool:
        try:
            pipe.send((raws, settings))
            return bool(pipe.poll(SECONDS_TO_START) and pipe.recv())
        except (EOFError, OSError):
            return False

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._child is not None and self._pipe is not None:
            self._pipe.close()
            self._child.kill()
            self._child.wait()
        self._child = self._pipe = None

    def _started(self) -> Connection:
        if self._pipe is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._child = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                    [*COMMAND, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # the terminal's Ctrl-C is for the parent, which ends it
                )
            self._pipe = Connection(ours.detach())
            atexit.register(self.stop)
        return self._pipe


@functools.cache
def reader() -> Reader:
    """The process of this process, for all its shards."""
    return Reader()


def serve(pipe: Connection) -> None:
    """Read pages until the parent goes. Each answer begins when all is compiled and loaded that it needs."""
    first = Raw(b"<p>Ready to read <a href='#'>pages</a> in any language.", "text/html", "")
    ready: set[str] = set()
    with contextlib.suppress(EOFError, OSError):
        while True:
            raws, settings = pipe.recv()
            if settings.extractor not in ready:
                outcome(first, settings)
                ready.add(settings.extractor)
            pipe.send(True)
            for raw in raws:
                signal.alarm(settings.most_seconds + GRACE)
                pipe.send(outcome(raw, settings))
            signal.alarm(0)


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # when memory is short, this process goes first
    serve(Connection(int(sys.argv[1])))
    os._exit(0)  # at once: a thread of a library must not keep it
