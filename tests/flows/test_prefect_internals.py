"""What the project relies on in Prefect beyond its documentation. When this fails, see flows/prefect_internals.py."""

import inspect
from pathlib import Path

import prefect
import pytest
from prefect import flow_engine
from prefect.settings import get_current_settings

from flows.failure_logs import INTERRUPTED

SOURCE = Path(prefect.__file__).parent


def test_prefect_is_the_version_that_this_was_written_for() -> None:
    assert prefect.__version__.startswith("3.8."), "check flows/prefect_internals.py and flows/failure_logs.py"


@pytest.mark.slow
def test_the_ephemeral_server_is_started_by_a_method_that_can_be_replaced() -> None:
    # here, since it takes seconds, and not each process that collects tests needs it
    from prefect.server.api.server import SubprocessASGIServer, create_app

    assert list(inspect.signature(SubprocessASGIServer._run_uvicorn_command).parameters) == ["self"]
    assert "_run_uvicorn_command()" in inspect.getsource(SubprocessASGIServer.start)
    assert "cls._instances[port]" in inspect.getsource(SubprocessASGIServer.__new__), "one instance for each port"
    assert "PREFECT__SERVER_EPHEMERAL" in inspect.getsource(SubprocessASGIServer._run_uvicorn_command)
    assert callable(create_app)
    assert "exclude_unset" in inspect.signature(get_current_settings().to_environment_variables).parameters


def test_flows_take_sigterm_by_a_function_that_can_be_replaced() -> None:
    # from the source, since another test in this process may have replaced the function
    assert "def capture_sigterm() -> " in (SOURCE / "utilities" / "engine" / "__init__.py").read_text()
    assert "capture_sigterm()" in inspect.getsource(flow_engine)


def test_flows_are_run_by_a_function_that_can_be_replaced() -> None:
    # a worker's engine has imported `run_flow` before it loads the flow, so what that calls is replaced
    source = (SOURCE / "flow_engine.py").read_text()
    assert "ret_val = run_flow_sync(**kwargs)" in source
    parameters = source[source.index("def run_flow_sync(") :].partition(") ->")[0]
    assert all(f"{name}:" in parameters for name in ("flow", "flow_run", "parameters", "return_type"))


@pytest.mark.parametrize(
    ("file", "wording"),
    [
        ("states.py", INTERRUPTED[0]),
        ("states.py", INTERRUPTED[1]),
        ("task_engine.py", "Finished in state "),
        ("flow_engine.py", "Finished in state "),
    ],
)
def test_messages_that_are_recognised_are_still_worded_so(file: str, wording: str) -> None:
    assert wording in (SOURCE / file).read_text()


def test_requests_events_and_logs_go_through_methods_that_can_be_replaced() -> None:
    # from the source, since another test in this process may have replaced them: see tasks/server_outage/clients.py
    client = (SOURCE / "client" / "base.py").read_text()
    for method in ("    def _send_with_retry(", "    async def _send_with_retry("):
        parameters = client[client.index(method) :].partition("):")[0]
        assert "request: Request" in parameters
        assert "retry_codes" in parameters
        assert "retry_exceptions" in parameters
    events = (SOURCE / "events" / "clients.py").read_text()
    assert "async def emit(self, event: Event)" in events
    assert "async def _reconnect(self)" in events
    assert "async def _handle_batch(self, items" in (SOURCE / "logging" / "handlers.py").read_text()
    for name, file in {"CancelledRun": "exceptions.py", "PausedRun": "exceptions.py"}.items():
        assert f"class {name}(" in (SOURCE / file).read_text()
