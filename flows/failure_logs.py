"""Shortens what Prefect logs about failures: each failure once, as its own sentence."""

import logging
import re

from tasks.errors import StageFailure

FLOW_RUNS = "prefect.flow_runs"
TASK_RUNS = "prefect.task_runs"
ENGINE = "prefect.engine"  # of a flow that a worker runs
# Prefect's own wording (3.8); tests/flows/test_prefect_internals.py looks for it in the installed version
INTERRUPTED = ("aborted by an interrupt signal", "aborted by a termination signal")
FINAL_STATE = re.compile(
    r"(?P<state>Finished in state \w+)\(.*\b(StageFailure|BadSetting|Transient): (?P<failure>.*?)['\"]?\)$", re.DOTALL
)


class FailureLogFilter(logging.Filter):
    """Log a stage's failure once and without its traceback, and an interruption not at all.

    Prefect logs a failure of a task, then the failure of its flow, and for each of them the state that it ended in; a
    worker's engine logs the flow's failure twice more.
    """

    last_failure = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record of Prefect; shorten it where it repeats a failure."""
        message = record.getMessage()
        if any(phrase in message for phrase in INTERRUPTED):
            return False
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, StageFailure):
            # a task's record stays even when it repeats: each retry has one
            is_repeated = record.name in (FLOW_RUNS, ENGINE) and str(error) == self.last_failure
            record.exc_info, self.last_failure = None, str(error)
            return not is_repeated
        if final_state := FINAL_STATE.match(message):
            if final_state["failure"] == self.last_failure:
                record.msg, record.args = final_state["state"], ()
            self.last_failure = final_state["failure"]
        return True


def configure_logging() -> None:
    """Log at level INFO, and filter Prefect's records of failed flows and tasks."""
    logging.getLogger("textmill").setLevel(logging.INFO)
    failure_filter = FailureLogFilter()  # one for all loggers: a flow's record repeats that of its task
    for name in (TASK_RUNS, FLOW_RUNS, ENGINE):
        logging.getLogger(name).addFilter(failure_filter)
