"""When Prefect's server is lost or unusable, the work goes on without it: the store is the truth.

Prefect tries each request for a minute, one after the other, and then fails the run. Here all requests together are
tried for half a minute. After that the server counts as lost: requests and events are dropped at once, but for one
request a minute that finds out whether the server is back. What a stage or a flow does runs once, and its own result
counts, whatever Prefect's engine raises around it.
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

log = logging.getLogger("textmill.server")

MAX_FAILING_SECONDS = 10.0  # of failed requests, until the server counts as lost; the last may take as long again
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0  # limits of a request
PROBE_INTERVAL_SECONDS, PROBE_SECONDS = 60.0, 2.0  # of a lost server
UNAUTHORIZED = (401, 403)
# Prefect's loggers that report each message which did not arrive
# errors of Prefect by which a server that answers says that a run must not go on
SERVER_DECISIONS = ("CancelledRun", "PausedRun", "UnfinishedRun")
NOISY_LOGGERS = ("prefect.events.clients", "prefect._internal.concurrency", "prefect.concurrency")


class ServerLost(Exception):
    """Prefect's server does not answer, or not as it should. Not tried again by Prefect."""


class ServerOutage:
    """What this process knows of the server: whether it answers, since when not, and why."""

    def __init__(self) -> None:
        self.is_lost = False
        self.failing_since: float | None = None
        self.last_try = 0.0

    def note_success(self) -> None:
        """Count the server as answering."""
        if self.is_lost:
            log.info("Prefect's server answers again")
        self.is_lost, self.failing_since = False, None

    def note_failure(self, reason: str) -> None:
        """Note a failed request; the server is lost when requests fail for longer than MAX_FAILING_SECONDS."""
        now = time.monotonic()
        self.failing_since = self.failing_since or now
        if now - self.failing_since >= MAX_FAILING_SECONDS:
            self.give_up(reason)

    def give_up(self, reason: str) -> None:
        """Count the server as lost, and say so once."""
        self.last_try = time.monotonic()
        if not self.is_lost:
            self.is_lost = True
            log.warning(
                "Prefect's server cannot be used (%s): the work goes on without it, and its UI does not show the rest. "
                "Results are in the store all the same",
                reason,
            )

    def begin_request(self, request: Any) -> None:
        """Limit the time of a request. Raises ServerLost when the server is lost and this request is no probe."""
        limits = {"connect": CONNECT_SECONDS, "read": ANSWER_SECONDS, "write": ANSWER_SECONDS, "pool": ANSWER_SECONDS}
        if self.is_lost:
            if time.monotonic() - self.last_try < PROBE_INTERVAL_SECONDS:
                raise ServerLost("Prefect's server is lost")
            self.last_try = time.monotonic()
            limits = dict.fromkeys(limits, PROBE_SECONDS)
        timeouts = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {
            name: min(timeouts.get(name) or limit, limit) for name, limit in limits.items()
        }

    def end_request(self, request: Any, response: Any) -> None:
        """Judge an answer. Raises ServerLost when it shows that the server is none that we can use."""
        status, media_type = response.status_code, response.headers.get("content-type", "")
        if status in UNAUTHORIZED and "CSRF" not in response.text:
            self.give_up(f"{request.url.host} answers {status}: check PREFECT_API_KEY or PREFECT_API_AUTH_STRING")
            raise ServerLost(f"status {status}")
        if media_type.startswith("text/html"):
            self.give_up(f"{request.url.host} answers with a web page: check PREFECT_API_URL, which ends in /api")
            raise ServerLost("a web page")
        if status >= 500:
            self._fail_request(f"{request.url.host} answers {status}")
        else:
            self.note_success()

    def fail_request(self, request: Any, error: Exception) -> None:
        """Note that a request got no answer. Raises ServerLost when the server is lost."""
        self._fail_request(f"{request.url.host}: {error or type(error).__name__}")

    def _fail_request(self, reason: str) -> None:
        self.note_failure(reason)
        if self.is_lost:
            raise ServerLost(reason)


OUTAGE = ServerOutage()


@functools.cache  # once a process
def limit_outages() -> None:
    """Limit how long this process tries to reach a lost server, by changing Prefect's clients for HTTP and events."""
    limit_requests()
    limit_events()
    limit_logs()


def limit_requests() -> None:
    """Let each request of Prefect's HTTP clients ask OUTAGE before and after it."""
    import httpx
    from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient

    send_with_retry = PrefectHttpxSyncClient._send_with_retry
    send_with_retry_async = PrefectHttpxAsyncClient._send_with_retry

    def limited(self: Any, request: Any, send: Callable[..., Any], *args: Any, **named: Any) -> Any:
        def send_once(request: Any, *args: Any, **named: Any) -> Any:
            OUTAGE.begin_request(request)
            try:
                response = send(request, *args, **named)
            except httpx.TransportError as error:
                OUTAGE.fail_request(request, error)
                raise
            OUTAGE.end_request(request, response)
            return response

        return send_with_retry(self, request, send_once, *args, **add_retries(named))

    async def limited_async(self: Any, request: Any, send: Callable[..., Any], *args: Any, **named: Any) -> Any:
        async def send_once(request: Any, *args: Any, **named: Any) -> Any:
            OUTAGE.begin_request(request)
            try:
                response = await send(request, *args, **named)
            except httpx.TransportError as error:
                OUTAGE.fail_request(request, error)
                raise
            OUTAGE.end_request(request, response)
            return response

        return await send_with_retry_async(self, request, send_once, *args, **add_retries(named))

    def add_retries(named: dict[str, Any]) -> dict[str, Any]:
        # an internal error, such as a locked database, and a refused connection may pass within seconds too
        codes, errors = {*named["retry_codes"], 500}, (*named["retry_exceptions"], httpx.ConnectError)
        return named | {"retry_codes": codes, "retry_exceptions": errors}

    PrefectHttpxSyncClient._send_with_retry = limited  # type: ignore[method-assign]
    PrefectHttpxAsyncClient._send_with_retry = limited_async  # type: ignore[method-assign]


def limit_events() -> None:
    """Let Prefect's client for events drop them when the server is lost."""
    from prefect.events.clients import PrefectEventsClient

    emit, reconnect = PrefectEventsClient.emit, PrefectEventsClient._reconnect

    async def emit_unless_lost(self: Any, event: Any) -> None:
        if not OUTAGE.is_lost:
            try:
                await emit(self, event)
            except Exception as error:  # noqa: BLE001 - an event is for show, whatever is wrong with its way
                OUTAGE.note_failure(f"events: {error or type(error).__name__}")

    async def reconnect_unless_lost(self: Any) -> None:
        if OUTAGE.is_lost:
            raise ServerLost("Prefect's server is lost")
        await reconnect(self)

    PrefectEventsClient.emit = emit_unless_lost  # type: ignore[method-assign]
    PrefectEventsClient._reconnect = reconnect_unless_lost  # type: ignore[method-assign]


def limit_logs() -> None:
    """Let Prefect send no logs to a lost server, and report the loss nowhere else: OUTAGE has said it in a sentence."""
    from prefect.logging.handlers import APILogWorker

    async def send_unless_lost(self: Any, items: list[dict[str, Any]]) -> None:
        if not OUTAGE.is_lost:
            with contextlib.suppress(Exception):  # the terminal shows the same lines
                await self._client.create_logs(items)

    def is_worth_logging(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        is_last_state = record.name == "prefect.flow_runs" and record.getMessage().startswith("Finished in state")
        return not OUTAGE.is_lost or not (isinstance(error, ServerLost) or is_last_state)

    APILogWorker._handle_batch = send_unless_lost  # type: ignore[method-assign]
    for name in NOISY_LOGGERS:
        logging.getLogger(name).addFilter(lambda _record: not OUTAGE.is_lost)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(is_worth_logging)


class TrackedFunction:
    """The function of a flow or a task, with how its last call ended."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.num_calls = 0
        self.result: Any = None
        self.error: Exception | None = None

    @property
    def has_result(self) -> bool:
        """Whether the last call returned."""
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
