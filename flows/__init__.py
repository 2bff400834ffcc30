"""The flows decide which stage runs after which. They do no work themselves."""

import os

from flows.failure_logs import configure_logging

# Prefect reads these when it is first imported. Its ephemeral server takes 20–28 s to start, longer than its own limit.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# so that what stages log through the standard library reaches the terminal and the UI
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "textmill")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
# `PREFECT_API_URL= textmill run` means no server; parts of Prefect take the empty text for an address
if os.environ.get("PREFECT_API_URL") == "":
    del os.environ["PREFECT_API_URL"]

configure_logging()
