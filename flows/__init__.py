"""The flows: what runs after what. They do no work themselves."""

import logging
import os

from tasks.failure import StageFailure

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


def worth_saying(record: logging.LogRecord) -> bool:
    """A failure that explains itself is logged as its sentence, an interruption not at all: the user knows of it."""
    if any(phrase in record.getMessage() for phrase in INTERRUPTED):
        return False
    if record.exc_info and isinstance(record.exc_info[1], StageFailure):
        record.exc_info = None
    return True


logging.getLogger("textmill").setLevel(logging.INFO)
for name in ("prefect.task_runs", "prefect.flow_runs"):
    logging.getLogger(name).addFilter(worth_saying)
