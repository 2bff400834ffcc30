import os
import signal
from collections.abc import Iterator

import pytest

from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import Page
from tasks.clean.extract.page_process import Raw, Reader
from tasks.clean.extract.unusable import Unusable
from tasks.errors import StageFailure

SOON = HtmlExtraction(most_seconds=2)
GOOD = Raw(b"<p>The harbour master keeps a list of every boat.", "text/html", "")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.stop()


class Hangs(str):
    """A content type that does to its reader what a page does that hits a bug of a parser."""

    __slots__ = ()

    def partition(self, _: str, /) -> tuple[str, str, str]:
        while True:
            signal.pause()


class Kills(str):
    """One that ends the process."""

    __slots__ = ()

    def partition(self, _: str, /) -> tuple[str, str, str]:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError


def test_pages_come_back_in_order(reader: Reader) -> None:
    raws = [GOOD, Raw(b"%PDF", "application/pdf", ""), Raw(b"plain", "text/plain", "Given")]
    first, second, third = reader.outcomes(raws, SOON)
    assert isinstance(first, Page)
    assert first.text.startswith("The harbour master")
    assert isinstance(second, Unusable)
    assert str(second) == "media type application/pdf"
    assert isinstance(third, Page)
    assert third.title == "Given"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(Hangs("text/html"), "takes more than 2 seconds"), (Kills("text/html"), "ends the process that reads it")],
)
def test_a_page_that_hangs_or_kills_is_named_and_the_others_are_read(reader: Reader, bad: str, reason: str) -> None:
    found = reader.outcomes([GOOD, GOOD._replace(content_type=bad), GOOD], SOON)
    assert [isinstance(each, Page) for each in found] == [True, False, True]
    assert str(found[1]) == reason


def test_a_process_that_somebody_else_ends_costs_no_page(reader: Reader) -> None:
    reader.outcomes([GOOD], SOON)
    assert reader._child
    reader._child.kill()
    reader._child.wait()
    assert all(isinstance(each, Page) for each in reader.outcomes([GOOD, GOOD], SOON))


def test_a_process_that_does_not_start_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clean.extract.page_process.COMMAND", ["false", "reader"])
    with pytest.raises(StageFailure, match="false reader does not start"):
        Reader().outcomes([GOOD], SOON)
