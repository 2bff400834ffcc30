"""Prefect's logs of a failure."""

import logging

import pytest

from flows.failure_logs import FailureLogFilter
from tasks.errors import StageFailure

FAILURE = StageFailure("crawl: no page was fetched", "Choose other seeds")


def record(name: str, message: str, error: BaseException | None = None) -> logging.LogRecord:
    caught = (type(error), error, None) if error else None
    return logging.LogRecord(f"prefect.{name}", logging.ERROR, "", 0, message, (), caught)


def filter_messages(*records: logging.LogRecord) -> list[str]:
    once = FailureLogFilter()
    return [each.getMessage() for each in records if once.filter(each)]


def test_a_failure_is_told_once() -> None:
    assert filter_messages(
        record("task_runs", f"Task run failed with exception: {FAILURE!r}", FAILURE),
        record("task_runs", f"Finished in state Failed('Task run encountered an exception StageFailure: {FAILURE}')"),
        record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE),
        record("flow_runs", f"Finished in state Failed('Flow run encountered an exception: StageFailure: {FAILURE}')"),
    ) == [
        f"Task run failed with exception: {FAILURE!r}",
        "Finished in state Failed",
        "Finished in state Failed",
    ]


def test_it_is_told_once_when_the_state_comes_first() -> None:
    first = f"Finished in state Failed('Task run encountered an exception StageFailure: {FAILURE}')"
    assert filter_messages(
        record("task_runs", first),
        record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE),
        record("flow_runs", f"Finished in state Failed('Flow run encountered an exception: StageFailure: {FAILURE}')"),
    ) == [first, "Finished in state Failed"]


def test_a_failure_of_the_flow_itself_is_told() -> None:
    first = record("flow_runs", f"Encountered exception during execution: {FAILURE!r}", FAILURE)
    assert filter_messages(first) == [f"Encountered exception during execution: {FAILURE!r}"]
    assert first.exc_info is None, "it explains itself"


@pytest.mark.parametrize("name", ["task_runs", "flow_runs"])
def test_every_try_and_every_other_error_is_told(name: str) -> None:
    other = ValueError("a defect")
    records = [
        record("task_runs", "Task run failed with exception: - Retry 1/3 will start", FAILURE),
        record("task_runs", "Task run failed with exception: - Retry 2/3 will start", FAILURE),
        record(name, "Encountered exception during execution", other),
        record(name, "Finished in state Failed('Flow run encountered an exception: ValueError: a defect')"),
        record(name, "Crash detected! Execution was aborted by a server"),
    ]
    assert filter_messages(*records) == [each.getMessage() for each in records]
    assert records[2].exc_info


def test_an_interruption_is_not_told() -> None:
    assert filter_messages(record("flow_runs", "Crash detected! Execution was aborted by an interrupt signal.")) == []
