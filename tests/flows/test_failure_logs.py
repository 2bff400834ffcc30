"""Prefect's logs of a failure."""

import logging

import pytest

from flows.failure_logs import FailureLogFilter
from tasks.errors import StageFailure

FAILURE = StageFailure("crawl: no page was fetched", "Choose other seeds")


def make_record(name: str, message: str, error: BaseException | None = None) -> logging.LogRecord:
    caught = (type(error), error, None) if error else None
    return logging.LogRecord(f"prefect.{name}", logging.ERROR, "", 0, message, (), caught)


def log_messages(*records: logging.LogRecord) -> list[str]:
    failure_filter = FailureLogFilter()
    return [log_record.getMessage() for log_record in records if failure_filter.filter(log_record)]


def test_a_failure_is_logged_once() -> None:
    assert log_messages(
        make_record("task_runs", f"Task run failed with exception: {FAILURE!r}", FAILURE),
        make_record(
            "task_runs", f"Finished in state Failed('Task run encountered an exception StageFailure: {FAILURE}')"
        ),
        make_record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE),
        make_record(
            "flow_runs", f"Finished in state Failed('Flow run encountered an exception: StageFailure: {FAILURE}')"
        ),
    ) == [
        f"Task run failed with exception: {FAILURE!r}",
        "Finished in state Failed",
        "Finished in state Failed",
    ]


def test_it_is_logged_once_when_the_state_comes_first() -> None:
    first = f"Finished in state Failed('Task run encountered an exception StageFailure: {FAILURE}')"
    assert log_messages(
        make_record("task_runs", first),
        make_record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE),
        make_record(
            "flow_runs", f"Finished in state Failed('Flow run encountered an exception: StageFailure: {FAILURE}')"
        ),
    ) == [first, "Finished in state Failed"]


def test_a_failure_of_the_flow_itself_is_logged() -> None:
    first = make_record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE)
    assert log_messages(first) == [f"Encountered exception during execution: {FAILURE!r}"]
    assert first.exc_info is None, "it explains itself"


def test_the_engine_of_a_worker_repeats_no_failure() -> None:
    first = make_record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE)
    last = make_record("engine", "Execution of flow run '7' exited with unexpected exception", FAILURE)
    assert log_messages(first, last) == [first.getMessage()]


@pytest.mark.parametrize("name", ["task_runs", "flow_runs"])
def test_every_try_and_every_other_error_is_logged(name: str) -> None:
    other = ValueError("a defect")
    records = [
        make_record("task_runs", "Task run failed with exception: - Retry 1/3 will start", FAILURE),
        make_record("task_runs", "Task run failed with exception: - Retry 2/3 will start", FAILURE),
        make_record(name, "Encountered exception during execution", other),
        make_record(name, "Finished in state Failed('Flow run encountered an exception: ValueError: a defect')"),
        make_record(name, "Crash detected! Execution was aborted by a server"),
    ]
    assert log_messages(*records) == [log_record.getMessage() for log_record in records]
    assert records[2].exc_info


def test_an_interruption_is_not_logged() -> None:
    assert log_messages(make_record("flow_runs", "Crash detected! Execution was aborted by an interrupt signal.")) == []
