"""What is shown without a terminal."""

import threading

import pytest

from tasks.runtime import progress as module
from tasks.runtime.progress import format_duration, progress
from tests.waiting import wait_until


def test_the_last_line_is_printed_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "LOG_INTERVAL_SECONDS", 0.0)  # after every update
    caplog.set_level("INFO", "textmill")
    with progress(total=2, label="pages", unit="shards") as bar:
        bar.update()
        bar.update()
    assert [message.partition(" shards")[0] for message in caplog.messages] == ["pages: 1/2", "pages: 2/2"]


def test_the_end_is_printed_when_it_brings_news(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "textmill")
    with progress(label="crawl", unit="answers") as bar:
        bar.update()
        bar.set_postfix("200: 1")
    assert [message.rpartition(" ")[2] for message in caplog.messages] == ["1"]
    assert caplog.messages[0].startswith("crawl: 1 answers, ")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_after_a_resume_the_rate_and_the_time_left_are_of_new_work_alone(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "textmill")
    with progress(total=1000, label="pretrain", unit="steps", done=600) as bar:
        clock.now += 100
        bar.update(29)
    (line,) = caplog.messages
    assert line.startswith("pretrain: 629/1,000 steps, 0.29/s, about 21 min left")


def test_work_without_a_known_end_tells_no_time_left(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "textmill")
    with progress(label="crawl", unit="answers") as bar:
        clock.now += 10
        bar.update(5)
    assert "left" not in caplog.messages[0]


def test_work_that_counts_nothing_for_long_says_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "textmill")
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    with progress(total=1, label="train a vocabulary", unit="shards"):
        wait_until(lambda: len(caplog.messages) > 1)
    assert caplog.messages[0].startswith("train a vocabulary: still running, 0 of 1 shards done after ")
    assert not [thread.name for thread in threading.enumerate() if "train a vocabulary" in thread.name]


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (89, "89 s"), (720, "12 min"), (12_000, "3 h 20 min"), (190_800, "2 d 5 h")]
)
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
