import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import ExtractedPage
from tasks.clean.extract.page_process import FetchedPage, PageReader
from tasks.clean.extract.unusable import UndecidedPage, UnusablePage
from tasks.errors import StageFailure, Transient

pytestmark = pytest.mark.slow

TWO_SECONDS = HtmlExtraction(timeout_seconds=2)
GOOD = FetchedPage(b"<p>The harbour master keeps a list of every boat.", "text/html", "")


@pytest.fixture(scope="module")
def reader() -> Iterator[PageReader]:
    page_reader = PageReader()
    yield page_reader
    page_reader.stop()


class Hangs(str):
    """A content type that hangs its reader, as a page does that hits a bug of a parser."""

    __slots__ = ()

    def __bool__(self) -> bool:
        signal.pause()
        return True


class Kills(str):
    """A content type that kills the process that reads it."""

    __slots__ = ()

    def __bool__(self) -> bool:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError


class Once(str):
    """A content type that sends its first reader a signal. Its text is a marker, a file that is there from then on."""

    __slots__ = ()
    number = signal.SIGKILL

    def __bool__(self) -> bool:
        marker = Path(str(self))
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), self.number)
        return True


class OnceSuspended(Once):
    """A content type whose reader is stopped until somebody else continues it."""

    __slots__ = ()
    number = signal.SIGSTOP


class AlwaysKilled(str):
    """A content type whose reader is always killed."""

    __slots__ = ()

    def __bool__(self) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class LacksMemory(str):
    """A content type for which there is no memory."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise MemoryError


def test_pages_come_back_in_order(reader: PageReader) -> None:
    pages = [GOOD, FetchedPage(b"%PDF", "application/pdf", ""), FetchedPage(b"plain", "text/plain", "Given")]
    first, second, third = reader.read_pages(pages, TWO_SECONDS)
    assert isinstance(first, ExtractedPage)
    assert first.text.startswith("The harbour master")
    assert isinstance(second, UnusablePage)
    assert str(second) == "media type application/pdf"
    assert isinstance(third, ExtractedPage)
    assert third.title == "Given"


@pytest.mark.long
@pytest.mark.parametrize(
    ("bad", "reason"),
    [(Hangs("text/html"), "takes more than 2 seconds"), (Kills("text/html"), "ends the process that reads it")],
)
def test_a_page_that_hangs_or_kills_is_named_and_the_others_are_read(reader: PageReader, bad: str, reason: str) -> None:
    results = reader.read_pages([GOOD, GOOD._replace(content_type=bad), GOOD], TWO_SECONDS)
    assert [isinstance(result, ExtractedPage) for result in results] == [True, False, True]
    assert str(results[1]) == reason


def test_a_process_that_somebody_else_ends_costs_no_page(reader: PageReader) -> None:
    reader.read_pages([GOOD], TWO_SECONDS)
    assert reader._process
    psutil.Process(reader._process.pid).kill()
    assert all(isinstance(result, ExtractedPage) for result in reader.read_pages([GOOD, GOOD], TWO_SECONDS))


@pytest.mark.long
def test_a_page_whose_reader_was_killed_is_read_in_the_end(reader: PageReader, tmp_path: Path) -> None:
    page = GOOD._replace(content_type=Once(tmp_path / "marker"))
    assert all(isinstance(result, ExtractedPage) for result in reader.read_pages([GOOD, page, GOOD], TWO_SECONDS))
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(AlwaysKilled("text/html"), "ends the process that reads it"), (LacksMemory("text/html"), "error MemoryError")],
)
def test_a_page_that_the_machine_cannot_read_is_undecided(reader: PageReader, bad: str, reason: str) -> None:
    results = reader.read_pages([GOOD, GOOD._replace(content_type=bad), GOOD], TWO_SECONDS)
    assert [isinstance(result, ExtractedPage) for result in results] == [True, False, True]
    assert isinstance(results[1], UndecidedPage)
    assert str(results[1]) == reason


def test_a_suspended_reader_is_waited_for(reader: PageReader, tmp_path: Path) -> None:
    """Three seconds on the clock are no time of the process, whose limit is one second."""
    reader.read_pages([GOOD], TWO_SECONDS)
    assert reader._process
    process = psutil.Process(reader._process.pid)

    def resume_later() -> None:
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.05)
        time.sleep(3)
        process.resume()

    thread = threading.Thread(target=resume_later)
    thread.start()
    page = GOOD._replace(content_type=OnceSuspended(tmp_path / "marker"))
    results = reader.read_pages([page], HtmlExtraction(timeout_seconds=1))
    thread.join()
    assert isinstance(results[0], ExtractedPage)
    assert reader._process.pid == process.pid


@pytest.mark.parametrize(
    ("program", "failure", "words"),
    [
        ("raise ImportError('libgomp.so.1: cannot open shared object file')", StageFailure, r"libgomp\.so\.1"),
        ("import os; os.kill(os.getpid(), 9)", Transient, "ended by SIGKILL, as the system does when memory is short"),
    ],
)
def test_a_process_that_does_not_start_is_tried_three_times(
    program: str, failure: type[StageFailure], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = f"open({str(tmp_path / 'starts')!r}, 'a').write('.');"
    monkeypatch.setattr("tasks.clean.extract.reader_process.COMMAND", [sys.executable, "-c", count + program])
    with pytest.raises(failure, match=f"does not start, tried 3 times .*{words}") as raised:
        PageReader().read_pages([GOOD], TWO_SECONDS)
    assert type(raised.value) is failure
    assert (tmp_path / "starts").read_text() == "..."


def test_a_process_that_cannot_be_started_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clean.extract.reader_process.COMMAND", ["/no/such/program"])
    before = psutil.Process().num_fds()
    with pytest.raises(FileNotFoundError):
        PageReader().read_pages([GOOD], TWO_SECONDS)
    assert psutil.Process().num_fds() == before
