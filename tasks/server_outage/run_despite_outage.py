"""Runs flows and tasks by Prefect's engine, and by a plain call when the server is lost.

What a flow or a task does runs once, and its own result counts, whatever the engine raises around it.
"""

import contextlib
import copy
import functools
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tasks.errors import is_transient
from tasks.server_outage.clients import limit_outages
from tasks.server_outage.outage import OUTAGE

log = logging.getLogger("textmill.server")

# errors of Prefect by which a server that answers says that a run must not go on
SERVER_DECISIONS = ("CancelledRun", "PausedRun", "UnfinishedRun")


class TrackedFunction:
    """The function of a flow or a task, with how its last call ended."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.num_calls = 0
        self.result: Any = None
        self.error: Exception | None = None

    @property
    def has_result(self) -> bool:
        """True when the last call returned."""
        return self.num_calls > 0 and self.error is None

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call the function."""
        self.num_calls += 1
        self.error = None
        try:
            self.result = self.function(*args, **named)
        except Exception as error:
            self.error = error
            raise
        return self.result

    def as_plain_function(self) -> Callable[..., Any]:
        """Return a function that does the same: Prefect reads the name, signature and code of what it runs."""

        @functools.wraps(self.function)
        def call(*args: Any, **named: Any) -> Any:
            return self(*args, **named)

        return call


def run_despite_outage(
    runnable: Any, run: Callable[[Any], Any], call: Callable[[Callable[..., Any]], Any], delays: Sequence[float] = ()
) -> Any:
    """Run a flow or a task by Prefect's engine, or without it when the server is lost. Raises the function's errors.

    `run` gets the flow or task, and runs it; `call` gets its function alone, and calls it. The function is called
    again only after an error that is transient, at most once for each of `delays` (seconds).
    """
    limit_outages()
    tracked = TrackedFunction(runnable.fn)
    if not OUTAGE.is_lost:
        runnable = copy.copy(runnable)
        runnable.fn = tracked.as_plain_function()
        try:
            return run(runnable)
        except Exception as error:
            # what failed is the work itself, or the server answers and has decided otherwise
            if error is tracked.error or type(error).__name__ in SERVER_DECISIONS:
                raise
            OUTAGE.give_up(f"{type(error).__name__}: {error}")
            if tracked.has_result:
                return tracked.result
    return call_with_retries(tracked, call, delays)


def call_with_retries(
    tracked: TrackedFunction, call: Callable[[Callable[..., Any]], Any], delays: Sequence[float]
) -> Any:
    """Call a function until it succeeds, has failed more often than there are `delays`, or cannot heal."""
    error = tracked.error
    while error is None or (is_transient(error) and tracked.num_calls <= len(delays)):
        if error is not None:
            seconds = delays[tracked.num_calls - 1]
            log.warning("%s It is tried again in %g s", error, seconds)
            time.sleep(seconds)
        try:
            return call(tracked)
        except Exception as next_error:  # noqa: BLE001 - it is raised below, unless it may heal
            error = next_error
    raise error


def show_in_ui(create: Callable[..., Any], **content: Any) -> None:
    """Create an artifact of Prefect's UI, if that can be done: it is for show."""
    if OUTAGE.is_lost:
        return
    try:
        create(**content)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the server, the work is done
        if not OUTAGE.is_lost:  # else it has been said
            log.warning("Prefect's UI does not get %r: %s: %s", content.get("key"), type(error).__name__, error)


@contextlib.contextmanager
def hold_if_reachable(slot: AbstractContextManager[None]) -> Iterator[None]:
    """Hold a slot of a concurrency limit inside the block; without it when the server is lost."""
    is_held = True
    try:
        slot.__enter__()
    except Exception:
        if not OUTAGE.is_lost:  # such as a limit that does not exist
            raise
        log.warning("no slot is held, because Prefect's server is lost: another run may use the device too")
        is_held = False
    try:
        yield
    finally:
        if is_held:
            try:
                slot.__exit__(*sys.exc_info())
            except Exception:
                # the server frees a slot that was not given back when its lease ends
                if not OUTAGE.is_lost:
                    raise
