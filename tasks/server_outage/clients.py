"""Changes Prefect's clients for requests, events and logs, so that they leave a lost server alone.

Prefect is imported when they are first changed, not with this file.
"""

import asyncio
import contextlib
import functools
import logging
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tasks.server_outage.outage import OUTAGE, ServerLost

EVENT_SECONDS = 15.0  # limit of an event, with Prefect's own attempts to connect again
# Events are for show: one that cannot be sent or received is no error of the run, and OUTAGE says that the server is
# lost. The observer listens for a suspension of a deployment's run.
EVENT_LOGGERS = ("prefect.events.utilities", "prefect.FlowRunSuspendingObserver")
# Prefect's loggers that report each message which did not arrive
NOISY_LOGGERS = ("prefect.events.clients", "prefect._internal.concurrency", "prefect.concurrency")


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

    def send_limited(self: Any, request: Any, send: Callable[..., Any], *args: Any, **named: Any) -> Any:
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

    async def send_limited_async(self: Any, request: Any, send: Callable[..., Any], *args: Any, **named: Any) -> Any:
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

    PrefectHttpxSyncClient._send_with_retry = send_limited  # type: ignore[method-assign]
    PrefectHttpxAsyncClient._send_with_retry = send_limited_async  # type: ignore[method-assign]


def limit_events() -> None:
    """Let Prefect's client for events drop them when the server is lost."""
    from prefect.events.clients import PrefectEventsClient

    emit, reconnect = PrefectEventsClient.emit, PrefectEventsClient._reconnect

    async def emit_unless_lost(self: Any, event: Any) -> None:
        if not OUTAGE.is_lost:
            began = time.monotonic()
            try:
                # of a server that hangs nothing else would end the wait for its answer
                await asyncio.wait_for(emit(self, event), EVENT_SECONDS)
            except Exception as error:  # noqa: BLE001 - an event is for show, whatever is wrong with its way
                OUTAGE.note_failure(f"events: {str(error) or type(error).__name__}", began)

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

    def is_not_of_prefect(record: logging.LogRecord) -> bool:
        # a request that a callback of Prefect waits for may be cancelled when the run ends
        return not (OUTAGE.is_lost and record.exc_info and is_raised_by_prefect(record.exc_info[2]))

    APILogWorker._handle_batch = send_unless_lost  # type: ignore[method-assign]
    for name in EVENT_LOGGERS:
        logging.getLogger(name).addFilter(lambda _record: False)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).addFilter(lambda _record: not OUTAGE.is_lost)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(is_worth_logging)
    logging.getLogger("asyncio").addFilter(is_not_of_prefect)


def is_raised_by_prefect(trace: TracebackType | None) -> bool:
    """Tell whether an error came through code of Prefect."""
    return any(str(frame.f_globals.get("__name__")).startswith("prefect.") for frame, _ in traceback.walk_tb(trace))
