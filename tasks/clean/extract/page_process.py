"""A process that extracts pages, so that a page which hangs or kills it costs nothing else.

    python -m tasks.clean.extract.page_process FD [--alone]

It is a plain child process, which a worker of any executor may start. It is kept from shard to shard, and ends with its
parent. FD is its end of a socket pair.
"""

import contextlib
import functools
import os
import signal
import sys
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tasks.clean.extract.alone import read_alone, read_beside_others
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import ExtractedPage, extract_page
from tasks.clean.extract.reader_process import ALONE, COMMAND, ReaderProcess, is_memory_end, sleep_before_retry
from tasks.clean.extract.unusable import UndecidedPage, UnusablePage
from tasks.errors import StageFailure, Transient

START_TIMEOUT_SECONDS = 300  # the first process on a machine compiles the loops
MAX_STARTS = 3
PROCESS_DIED = "ends the process that reads it"
MAX_ATTEMPTS_ALONE = 2
MORE_TIME = 3  # times the limit, for a page that is tried again alone
# Limits after which the kernel ends an endless page whose parent is gone: of CPU time beyond the page's own limit, and
# of time on the clock, which is long because a process may be suspended meanwhile.
GRACE_SECONDS, ORPHAN_SECONDS = 60, 86_400

PageResult = ExtractedPage | UnusablePage | UndecidedPage


class FetchedPage(NamedTuple):
    """A page as it was fetched."""

    body: bytes
    content_type: str | None
    title: str


class FailureKind(Enum):
    """Why a page has no result."""

    SLOW = "it takes too long"
    CRASH = "it crashes its process"
    MACHINE = "its process was killed, or lacked memory or another thing of the machine"


class ReadFailure(NamedTuple):
    """A failed attempt to read a page."""

    kind: FailureKind
    reason: str


def try_extract_page(page: FetchedPage, settings: HtmlExtraction) -> PageResult:
    """Extract a page, or return the reason why it gives no document."""
    try:
        return extract_page(page.body, page.content_type, settings, page.title)
    except UnusablePage as reason:
        return reason
    # not the page, but the machine: no memory, a library that cannot be loaded, too many open files
    except (MemoryError, ImportError, OSError) as error:
        return UndecidedPage(f"error {type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - one strange page must not lose the shard; it is counted and named
        return UnusablePage(f"error {type(error).__name__}")


class PageReader:
    """The parent's end of the page process, which it starts when needed."""

    def __init__(self) -> None:
        self._process: ReaderProcess | None = None

    def read_pages(self, pages: list[FetchedPage], settings: HtmlExtraction) -> list[PageResult]:
        """Return a result for each page, in order.

        A page that fails is tried again alone, with more time. It is unusable when it fails twice for a reason of its
        own, so that neither the clock nor other processes decide; else it is undecided. Raises StageFailure or
        Transient when no process can be started.
        """
        results: list[PageResult] = []
        while len(results) < len(pages):
            with read_beside_others():
                failure = self._read_some(pages[len(results) :], settings, results)
            if failure:
                results.append(self._read_alone(pages[len(results)], settings, failure))
        return results

    def _read_alone(self, page: FetchedPage, settings: HtmlExtraction, failure: ReadFailure) -> PageResult:
        """Return the result of a page that has failed, from an attempt with nothing beside it."""
        more_time = settings.model_copy(update={"timeout_seconds": settings.timeout_seconds * MORE_TIME})
        is_decided = False
        results: list[PageResult] = []
        with read_alone():
            for _ in range(MAX_ATTEMPTS_ALONE):
                self.stop()
                next_failure = self._read_some([page], more_time, results, alone=True)
                if next_failure is None:
                    break
                is_decided = next_failure.kind == failure.kind != FailureKind.MACHINE
                failure = next_failure
                if is_decided:
                    break
            # the next pages get a process that gives way when memory is short
            self.stop()
        if results:
            return results[0]
        if failure.kind == FailureKind.SLOW:
            return UnusablePage(f"takes more than {settings.timeout_seconds} seconds")
        return UnusablePage(failure.reason) if is_decided else UndecidedPage(failure.reason)

    def _read_some(
        self, pages: list[FetchedPage], settings: HtmlExtraction, results: list[PageResult], *, alone: bool = False
    ) -> ReadFailure | None:
        """Append results up to the first page that fails; return why it fails."""
        process = self._ensure_ready(pages, settings, alone=alone)
        try:
            for _ in pages:
                # a kill is the only way to stop C code, and it takes the late answer with it
                if not process.wait_for_answer(settings.timeout_seconds):
                    self.stop()
                    return ReadFailure(FailureKind.SLOW, f"takes more than {settings.timeout_seconds} seconds")
                result: PageResult = process.pipe.recv()
                if isinstance(result, UndecidedPage):
                    # a process that lacks memory or files may lack them for the next page too
                    self.stop()
                    return ReadFailure(FailureKind.MACHINE, str(result))
                results.append(result)
        except (EOFError, OSError):
            code, _ = process.describe_end()
            self.stop()
            if -code == signal.SIGPROF:
                return ReadFailure(FailureKind.SLOW, f"takes more than {settings.timeout_seconds} seconds")
            return ReadFailure(FailureKind.MACHINE if is_memory_end(code) else FailureKind.CRASH, PROCESS_DIED)
        except BaseException:  # interrupted: a late result must not be taken for one of the next pages
            self.stop()
            raise
        return None

    def _ensure_ready(self, pages: list[FetchedPage], settings: HtmlExtraction, *, alone: bool) -> ReaderProcess:
        """Send pages to a process that is ready to read them, which is started unless it runs.

        Raises StageFailure when it does not start, Transient when it was killed while it started.
        """
        if self._process and self._send_pages(self._process, pages, settings):
            return self._process
        # one that was ready may have died since its last batch: it is no failed start
        self.stop()
        for attempt in range(MAX_STARTS):
            sleep_before_retry(attempt)
            process = self._process = ReaderProcess(alone=alone)
            if self._send_pages(process, pages, settings):
                process.is_ready = True
                return process
            code, end = process.describe_end()
            self.stop()
        what = f"the process that reads pages does not start, tried {MAX_STARTS} times ({end})"
        if is_memory_end(code):
            raise Transient(what, "Use fewer workers (TEXTMILL_WORKERS), or give the machine more memory")
        raise StageFailure(what, f"Run it to see more: {' '.join(COMMAND)} 0")

    @staticmethod
    def _send_pages(process: ReaderProcess, pages: list[FetchedPage], settings: HtmlExtraction) -> bool:
        """Send pages, and wait until the process is ready to read them; return False when it is not."""
        try:
            process.pipe.send((pages, settings))
            return process.wait_for_answer(START_TIMEOUT_SECONDS) and bool(process.pipe.recv())
        except (EOFError, OSError):
            return False

    def stop(self) -> None:
        """Kill the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
        self._process = None


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
                # These signals have no handler, so the kernel ends the process, even one that is in C code.
                signal.setitimer(signal.ITIMER_PROF, settings.timeout_seconds + GRACE_SECONDS)
                signal.alarm(ORPHAN_SECONDS)
                pipe.send(try_extract_page(page, settings))
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)


if __name__ == "__main__":
    if ALONE not in sys.argv:
        with contextlib.suppress(OSError):
            # when memory runs out, the kernel kills this process before any other
            Path("/proc/self/oom_score_adj").write_text("1000")
    serve_pages(Connection(int(sys.argv[1])))
    os._exit(0)  # at once: a thread of a library must not keep the process alive
