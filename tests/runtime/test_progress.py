"""What is shown without a terminal."""

import pytest

from tasks.runtime import progress as module
from tasks.runtime.progress import progress


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
