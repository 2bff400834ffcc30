"""What a run says of its inputs, it says once, however often it reads them."""

import logging

import pytest

from tasks.runtime.log_once import log_once


def test_the_same_words_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("textmill.crawl")
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            log_once(log.warning, "%s is left out: %d %%", "a.html", 5)
        log_once(log.info, "%s is left out: %d %%", "b.html", 5)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "a.html is left out: 5 %"),
        ("INFO", "b.html is left out: 5 %"),
    ]
