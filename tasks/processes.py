"""Ending processes together with all that they started."""

import contextlib
from collections.abc import Iterable

import psutil


def end(pids: Iterable[int]) -> None:
    """Kill these processes and all below them. What is killed first cannot start anything more, so parents go first."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.suspend()  # so that it starts no more while its children are listed
            for each in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
