"""Prefect's temporary server for one command: it does not hear the terminal's Ctrl-C, and never outlives the command.

Prefect's own is in the terminal's foreground, so Ctrl-C would end it before the run could say how it ended; and after
kill -9 it would serve nobody for ever.

    python -P flows/temporary_server.py PORT     ends when standard input does
"""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, get_current_settings

# as Prefect's own has them: the API alone
ENVIRONMENT = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class TemporaryServer(SubprocessASGIServer):
    """Prefect keeps one instance, which is the first that is made, and starts it at the first question."""

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        return subprocess.Popen(  # noqa: S603 - this interpreter, this file
            # -P: flows/tokenize.py beside this file is not the standard library's
            [sys.executable, "-P", __file__, str(self.port)],
            stdin=subprocess.PIPE,  # held open while we live
            env={**os.environ, **ENVIRONMENT, **settings},
            start_new_session=True,
        )


def prepare() -> None:
    """Have Prefect take this server, unless it was told another."""
    if not PREFECT_API_URL.value():
        TemporaryServer()


def end_with_parent() -> None:
    """Wait for the end of standard input, which is the end of the command however it ended."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import uvicorn

    threading.Thread(target=end_with_parent, daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )
