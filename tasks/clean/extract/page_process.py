"""A process that extracts pages, so that a page which hangs or kills it costs nothing else.

    python -m tasks.clean.extract.page_process FD

It is a plain child process, which a worker of any executor may start. It is kept from shard to shard, and ends with its
parent. FD is its end of a socket pair.
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
from tasks.clean.extract.page import ExtractedPage, extract_page
from tasks.clean.extract.unusable import UnusablePage
from tasks.errors import StageFailure

START_TIMEOUT_SECONDS = 300  # the first process on a machine compiles the loops
COMMAND = [sys.executable, "-m", "tasks.clean.extract.page_process"]
PROCESS_DIED = "ends the process that reads it"
GRACE_SECONDS = 60  # beyond the limit, after which the kernel ends an endless page whose parent is gone
MAX_ATTEMPTS = 2  # a process that ends for another reason, such as lack of memory, hardly does so twice on one page


class FetchedPage(NamedTuple):
    """A page as it was fetched."""

    body: bytes
    content_type: str | None
    title: str


def try_extract_page(page: FetchedPage, settings: HtmlExtraction) -> ExtractedPage | UnusablePage:
    """Extract a page, or return the reason why it gives no document."""
    try:
        return extract_page(page.body, page.content_type, settings, page.title)
    except UnusablePage as reason:
        return reason
    except Exception as error:  # noqa: BLE001 - one strange page must not lose the shard; it is counted and named
        return UnusablePage(f"error {type(error).__name__}")


class PageReader:
    """The parent's end of the page process, which it starts when needed."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def read_pages(self, pages: list[FetchedPage], settings: HtmlExtraction) -> list[ExtractedPage | UnusablePage]:
        """Return a result for each page, in order. Raises StageFailure when no process can be started."""
        results: list[ExtractedPage | UnusablePage] = []
        attempts = 0  # without a result, on the page that is next
        while len(results) < len(pages):
            before = len(results)
            failure = self._read_some(pages[before:], settings, results)
            # when some results came, another page than before failed: this was its first attempt
            attempts = attempts + 1 if len(results) == before else 1
            if failure and attempts == MAX_ATTEMPTS:
                results.append(UnusablePage(failure))
                attempts = 0
        return results

    def _read_some(
        self, pages: list[FetchedPage], settings: HtmlExtraction, results: list[ExtractedPage | UnusablePage]
    ) -> str:
        """Append results up to the first page that fails; return why it fails, or an empty string."""
        is_new = self._pipe is None
        pipe = self._ensure_started()
        if not self._send_pages(pipe, pages, settings):
            self.stop()
            # a new process that is not ready cannot run at all; an old one may have died since the last batch
            if is_new:
                raise StageFailure(f"{' '.join(COMMAND)} does not start", "See what it wrote to standard error")
            return PROCESS_DIED
        try:
            for _ in pages:
                # a kill is the only way to stop C code, and it takes the late answer with it
                if not pipe.poll(settings.timeout_seconds):
                    self.stop()
                    return f"takes more than {settings.timeout_seconds} seconds"
                results.append(pipe.recv())
        except (EOFError, OSError):
            self.stop()
            return PROCESS_DIED
        except BaseException:  # interrupted: a late result must not be taken for one of the next pages
            self.stop()
            raise
        return ""

    @staticmethod
    def _send_pages(pipe: Connection, pages: list[FetchedPage], settings: HtmlExtraction) -> bool:
        """Send pages, and wait until the process is ready to read them; return False when it is not."""
        try:
            pipe.send((pages, settings))
            return bool(pipe.poll(START_TIMEOUT_SECONDS) and pipe.recv())
        except (EOFError, OSError):
            return False

    def stop(self) -> None:
        """Kill the process, whatever it is doing."""
        if self._child is not None and self._pipe is not None:
            self._pipe.close()
            self._child.kill()
            self._child.wait()
        self._child = self._pipe = None

    def _ensure_started(self) -> Connection:
        """Start the process unless it is running; return its pipe."""
        if self._pipe is None:
            parent_end, child_end = socket.socketpair()
            # The parent's copy of the child's end is closed, or the parent would never see that the child is gone.
            # So is the parent's own end when the child cannot be started: once it is detached, the pipe has it.
            with parent_end, child_end:
                self._child = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                    [*COMMAND, str(child_end.fileno())],
                    pass_fds=[child_end.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # the terminal's Ctrl-C is for the parent, which ends the child
                )
                self._pipe = Connection(parent_end.detach())
            atexit.register(self.stop)
        return self._pipe


@functools.cache
def get_reader() -> PageReader:
    """Return the page reader of this process, for all its shards."""
    return PageReader()


def serve_pages(pipe: Connection) -> None:
    """Extract pages until the parent is gone.

    The first answer to a message says that all the pages need is compiled and loaded: only from there on does the time
    of a page count.
    """
    warm_up = FetchedPage(b"<p>Ready to read <a href='#'>pages</a> in any language.", "text/html", "")
    ready_extractors: set[str] = set()
    with contextlib.suppress(EOFError, OSError):
        while True:
            pages, settings = pipe.recv()
            if settings.extractor not in ready_extractors:
                try_extract_page(warm_up, settings)
                ready_extractors.add(settings.extractor)
            pipe.send(True)
            for page in pages:
                # SIGALRM has no handler, so the kernel ends the process, even one that is in C code
                signal.alarm(settings.timeout_seconds + GRACE_SECONDS)
                pipe.send(try_extract_page(page, settings))
            signal.alarm(0)


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        # when memory runs out, the kernel kills this process before any other
        Path("/proc/self/oom_score_adj").write_text("1000")
    serve_pages(Connection(int(sys.argv[1])))
    os._exit(0)  # at once: a thread of a library must not keep the process alive
