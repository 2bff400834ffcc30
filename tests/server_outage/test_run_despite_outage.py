"""Runs go on without Prefect's server. With real servers: tests/flows/test_lost_server.py."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tasks.errors import StageFailure, Transient
from tasks.server_outage.clients import limit_outages
from tasks.server_outage.outage import OUTAGE, ServerLost
from tasks.server_outage.run_despite_outage import hold_if_reachable, run_despite_outage, show_in_ui


@pytest.fixture(autouse=True)
def _server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"is_lost": False, "failing_since": None, "last_try": 0.0}.items():
        monkeypatch.setattr(OUTAGE, name, value)


class CancelledRun(Exception):
    """Named like Prefect's."""


def run(engine: Callable[[Any], Any], work: Callable[[], Any], delays: tuple[float, ...] = ()) -> Any:
    return run_despite_outage(SimpleNamespace(fn=work), engine, lambda function: function(), delays)


def test_the_result_counts_when_the_engine_fails_after_it() -> None:
    calls: list[str] = []

    def engine(flow: Any) -> Any:
        flow.fn()
        raise ServerLost("at the final state")

    assert run(engine, lambda: calls.append("work") or "result") == "result"
    assert calls == ["work"]
    assert OUTAGE.is_lost


def test_the_work_is_done_when_the_engine_fails_before_it(caplog: pytest.LogCaptureFixture) -> None:
    def engine(_: Any) -> Any:
        raise RuntimeError("Found incompatible versions: client: 3.8.8, server: 2.0.0")

    assert run(engine, lambda: "result") == "result"
    assert run(lambda _: pytest.fail("a lost server is not asked again"), lambda: "second") == "second"
    (sentence,) = [record.getMessage() for record in caplog.records if "cannot be used" in record.getMessage()]
    assert "(RuntimeError: Found incompatible versions: client: 3.8.8, server: 2.0.0): the work goes on" in sentence


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_error_of_the_work_stays_that_error(is_lost: bool) -> None:
    OUTAGE.is_lost = is_lost
    calls: list[str] = []

    def work() -> None:
        calls.append("work")
        raise StageFailure("no page was fetched", "Give other seeds")

    with pytest.raises(StageFailure, match="no page was fetched"):
        run(lambda flow: flow.fn(), work, (0.0, 0.0))
    assert calls == ["work"]


def test_without_the_engine_what_may_heal_is_tried_again_as_often_as_with_it() -> None:
    errors: list[Exception] = [Transient("the network is down", "Wait"), ConnectionResetError("reset")]

    def work() -> str:
        if errors:
            raise errors.pop(0)
        return "result"

    def engine(flow: Any) -> Any:
        try:
            flow.fn()
        except Transient:
            raise ServerLost("no retry can be asked for") from None

    assert run(engine, work, (0.0, 0.0)) == "result"
    errors.extend([Transient("still", "Wait")] * 3)
    with pytest.raises(Transient, match="still"):
        run(engine, work, (0.0, 0.0))


def test_a_server_that_answers_may_cancel_a_run() -> None:
    def engine(_: Any) -> Any:
        raise CancelledRun

    with pytest.raises(CancelledRun):
        run(engine, lambda: pytest.fail("it was cancelled"))


def test_an_interruption_is_none_of_the_servers() -> None:
    def engine(_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, lambda: pytest.fail("the user ended it"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, json={"detail": "Unauthorized"}), "answers 401: check PREFECT_API_KEY"),
        (httpx.Response(200, html="<h1>It works!</h1>"), "web page: check PREFECT_API_URL"),
        (httpx.Response(500, json={"exception_message": "database or disk is full"}), "answers 500"),
        (httpx.Response(503), "answers 503"),
        (httpx.ConnectError("Connection refused"), "Connection refused"),
        (httpx.ReadTimeout("timed out"), "timed out"),
        (httpx.ReadTimeout(""), "ReadTimeout"),
    ],
)
def test_a_server_that_cannot_be_used_is_named_once(
    answer: httpx.Response | Exception, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.client.base import PrefectHttpxSyncClient

    limit_outages()
    monkeypatch.setattr("tasks.server_outage.outage.MAX_FAILING_SECONDS", 0.0)
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with PrefectHttpxSyncClient(transport=httpx.MockTransport(handle), base_url="http://prefect.example/api") as client:
        for _ in range(3):
            with pytest.raises(ServerLost):
                client.get("/health")
    assert len(requests) == 1, "a lost server is left alone"
    assert requests[0].extensions["timeout"]["read"] <= 20
    sentences = [record.getMessage() for record in caplog.records if "cannot be used" in record.getMessage()]
    assert len(sentences) == 1
    assert words in sentences[0]


def test_an_error_of_one_second_is_tried_again_and_a_server_that_is_back_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect.client.base import PrefectHttpxSyncClient

    limit_outages()
    monkeypatch.setattr("prefect.client.base.time.sleep", lambda _: None)
    answers = [httpx.Response(500), httpx.Response(200, json=True), httpx.Response(200, json=True)]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    with PrefectHttpxSyncClient(transport=transport, base_url="http://prefect.example/api") as client:
        assert client.get("/health").json() is True
        assert not OUTAGE.is_lost
        OUTAGE.give_up("it was restarted")
        OUTAGE.last_try -= 61
        assert client.get("/health").json() is True
    assert not OUTAGE.is_lost


def test_other_answers_are_left_to_prefect() -> None:
    from prefect.client.base import PrefectHttpxSyncClient
    from prefect.exceptions import PrefectHTTPStatusError

    limit_outages()
    transport = httpx.MockTransport(lambda _: httpx.Response(404, json={"detail": "not found"}))
    with (
        PrefectHttpxSyncClient(transport=transport, base_url="http://prefect.example/api") as client,
        pytest.raises(PrefectHTTPStatusError),
    ):
        client.get("/flows/none")
    assert not OUTAGE.is_lost


def test_what_is_for_show_never_fails() -> None:
    def create(**_: object) -> None:
        raise ValueError("too large")

    show_in_ui(create, key="clean")
    OUTAGE.give_up("lost")
    show_in_ui(lambda **_: pytest.fail("a lost server is not asked"), key="clean")


class Slot:
    """A slot whose server fails when it is taken, or when it is given back."""

    def __init__(self, failing: str) -> None:
        self.failing = failing

    def __enter__(self) -> None:
        if self.failing == "enter":
            raise ServerLost("lost")

    def __exit__(self, *_: object) -> None:
        if self.failing == "exit":
            raise ServerLost("lost")


@pytest.mark.parametrize("failing", ["enter", "exit"])
def test_work_is_done_without_the_slot_of_a_lost_server(failing: str) -> None:
    done = []
    with pytest.raises(ServerLost), hold_if_reachable(Slot(failing)):  # type: ignore[arg-type]
        pass
    OUTAGE.is_lost = True
    with hold_if_reachable(Slot(failing)):  # type: ignore[arg-type]
        done.append("work")
    assert done == ["work"]
    with pytest.raises(KeyError), hold_if_reachable(Slot(failing)):  # type: ignore[arg-type]
        raise KeyError("of the work")


@pytest.mark.parametrize("is_lost", [False, True])
def test_requests_that_prefect_s_callbacks_wait_for_are_no_news_when_the_server_is_lost(
    is_lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    limit_outages()
    OUTAGE.is_lost = is_lost
    for name in ("prefect._internal.observers", "tasks.crawl.web.spider"):
        raise_in_module: dict[str, Any] = {"__name__": name}
        exec("def fail(): raise ValueError(__name__)", raise_in_module)  # a frame of that module
        try:
            raise_in_module["fail"]()
        except ValueError:
            logging.getLogger("asyncio").exception("Exception in callback")
    messages = [str(record.exc_info[1]) for record in caplog.records if record.name == "asyncio" and record.exc_info]
    assert messages == ["tasks.crawl.web.spider"] if is_lost else len(messages) == 2
