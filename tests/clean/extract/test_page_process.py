import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import ExtractedPage
from tasks.clean.extract.page_process import FetchedPage, PageReader
from tasks.clean.extract.unusable import UnusablePage
from tasks.errors import StageFailure

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

    def partition(self, _: str, /) -> tuple[str, str, str]:
        while True:
            signal.pause()


class Kills(str):
    """A content type that kills the process that reads it."""

    __slots__ = ()

    def partition(self, _: str, /) -> tuple[str, str, str]:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError


def test_pages_come_back_in_order(reader: PageReader) -> None:
    pages = [GOOD, FetchedPage(b"%PDF", "application/pdf", ""), FetchedPage(b"plain", "text/plain", "Given")]
    first, second, third = reader.read_pages(pages, TWO_SECONDS)
    assert isinstance(first, ExtractedPage)
    assert first.text.startswith("The harbour master")
    assert isinstance(second, UnusablePage)
    assert str(second) == "media type application/pdf"
    assert isinstance(third, ExtractedPage)
    assert third.title == "Given"


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
    assert reader._child
    reader._child.kill()
    reader._child.wait()
    assert all(isinstance(result, ExtractedPage) for result in reader.read_pages([GOOD, GOOD], TWO_SECONDS))


def test_a_process_that_does_not_start_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clean.extract.page_process.COMMAND", ["false", "reader"])
    with pytest.raises(StageFailure, match="false reader does not start"):
        PageReader().read_pages([GOOD], TWO_SECONDS)


def test_a_process_that_cannot_be_started_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clean.extract.page_process.COMMAND", ["/no/such/program"])
    before = psutil.Process().num_fds()
    with pytest.raises(FileNotFoundError):
        PageReader().read_pages([GOOD], TWO_SECONDS)
    assert psutil.Process().num_fds() == before
