"""The state of Prefect's server, told and asked by all requests of this process together.

Prefect tries each request for a minute, one after the other, and then fails the run. Here all requests together are
tried for half a minute. After that the server counts as lost: requests and events are dropped at once, but for one
request a minute that finds out whether the server is back.
"""

import logging
import time
from typing import Any

log = logging.getLogger("textmill.server")

MAX_FAILING_SECONDS = 10.0  # of failed requests, until the server counts as lost; the last may take as long again
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0  # limits of a request
PROBE_INTERVAL_SECONDS, PROBE_SECONDS = 60.0, 2.0  # of a lost server
BEGAN = "textmill.began"  # in a request: when it began, on the monotonic clock
UNAUTHORIZED = (401, 403)


class ServerLost(Exception):
    """Prefect's server does not answer, or not as it should. Not tried again by Prefect."""


class ServerOutage:
    """The knowledge of this process about the server: whether it answers, and since when not."""

    def __init__(self) -> None:
        self.is_lost = False
        self.failing_since: float | None = None
        self.last_try = 0.0

    def note_success(self) -> None:
        """Count the server as answering."""
        if self.is_lost:
            log.info("Prefect's server answers again")
        self.is_lost, self.failing_since = False, None

    def note_failure(self, reason: str, began: float) -> None:
        """Note a failed request, and when it began; the server is lost when they fail for MAX_FAILING_SECONDS."""
        self.failing_since = self.failing_since or began
        if time.monotonic() - self.failing_since >= MAX_FAILING_SECONDS:
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
        request.extensions[BEGAN] = time.monotonic()
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
            self._fail_request(request, f"{request.url.host} answers {status}")
        else:
            self.note_success()

    def fail_request(self, request: Any, error: Exception) -> None:
        """Note that a request got no answer. Raises ServerLost when the server is lost."""
        self._fail_request(request, f"{request.url.host}: {str(error) or type(error).__name__}")

    def _fail_request(self, request: Any, reason: str) -> None:
        self.note_failure(reason, request.extensions[BEGAN])
        if self.is_lost:
            raise ServerLost(reason)


OUTAGE = ServerOutage()
