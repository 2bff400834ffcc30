"""Waiting for what another process does, however slow the machine is."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], bool], seconds: float = 90) -> None:
    """Fail when it has not come true within so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
