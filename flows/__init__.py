"""The flows: what runs after what. They do no work themselves."""

import logging
import os
import re

from tasks.errors import StageFailure

# Read when prefect is first imported. Its ephemeral server takes 20–28 s to start, more than the limit it ships with.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# so that what stages log through the standard library reaches the terminal and the UI
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "textmill")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
# `PREFECT_API_URL= textmill run` means no server; half of Prefect takes the empty word for an address
if os.environ.get("PREFECT_API_URL") == "":
    del os.environ["PREFECT_API_URL"]

INTERRUPTED = ("aborted by an interrupt signal", "aborted by a termination signal")
ENDED = re.compile(
    r"(?P<state>Finished in state \w+)\(.*\b(StageFailure|BadSetting|Transient): (?P<failure>.*?)['\"]?\)$", re.DOTALL
)
FLOW_RUNS = "prefect.flow_runs"


class OnceSaid(logging.Filter):
    """A failure that explains itself is logged once, as its sentence; an interruption not at all: the user knows of it.

    Prefect tells of a failed task, of the flow that failed of it, and both times once more with the state it ended in.
    """

    said = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record of Prefect is worth saying. What it says of a failure is shortened."""
        message = record.getMessage()
        if any(phrase in message for phrase in INTERRUPTED):
            return False
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, StageFailure):
            is_known = record.name == FLOW_RUNS and str(error) == self.said  # a task tells of each of its tries
            record.exc_info, self.said = None, str(error)
            return not is_known
        if ended := ENDED.match(message):
            if ended["failure"] == self.said:
                record.msg, record.args = ended["state"], ()
            self.said = ended["failure"]
        return True


logging.getLogger("textmill").setLevel(logging.INFO)
once_said = OnceSaid()
for name in ("prefect.task_runs", FLOW_RUNS):
    logging.getLogger(name).addFilter(once_said)
