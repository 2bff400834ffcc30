"""Uses of Prefect that its documentation does not promise. Checked against Prefect 3.8.

More of them are in flow_runs.py and tasks/server_outage/clients.py.

tests/flows/test_prefect_internals.py names the version and fails when one of these is gone: look here first when
Prefect is upgraded.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from prefect import flow_engine
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, get_current_settings

from tasks.server_outage.outage import ServerLost

# What Prefect sets for its own ephemeral server: the API without the UI.
SERVER_ENVIRONMENT = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class StartingServer(subprocess.Popen[Any]):
    """The process of a server. Prefect would start one again for ever that ends while it starts, or wait for it."""

    def __init__(self, errors: IO[bytes], *args: Any, **named: Any) -> None:
        self.error_log, self.is_reported = errors, False
        super().__init__(*args, **named)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs. Raises ServerLost the first time that it has ended."""
        code = super().poll()
        if code is not None and not self.is_reported:
            self.is_reported = True
            self.error_log.seek(0)
            lines = self.error_log.read().decode(errors="replace").strip().splitlines()
            raise ServerLost(
                f"its temporary server ended with exit code {code}: {lines[-1] if lines else 'no message'}"
            )
        return code


class TemporaryServer(SubprocessASGIServer):
    """Prefect's ephemeral server, started from a program of ours.

    Prefect's own runs in the terminal's foreground group, so Ctrl-C would end it before the run could report its state;
    and after `kill -9` of the command it would never end. Prefect keeps one instance of the class, the first one, and
    starts it at the first request.
    """

    program: Path

    def start(self, timeout: int | None = None) -> None:
        """Start the server unless it runs. Raises ServerLost when it ends while it starts."""
        try:
            super().start(timeout)
        finally:
            if isinstance(self.server_process, StartingServer):
                self.server_process.is_reported = True  # its later end is noticed by the requests

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        # What it writes is shown only when it does not start: its tracebacks are about requests that are tried again.
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is as long open as the server
        return StartingServer(
            errors,
            # -P: flows/tokenize.py must not hide the standard library's module
            [sys.executable, "-P", str(self.program), str(self.port)],
            stdin=subprocess.PIPE,  # stays open as long as this process lives
            stderr=errors,
            env={**os.environ, **SERVER_ENVIRONMENT, **settings},
            start_new_session=True,
        )


def use_temporary_server(program: Path) -> None:
    """Make Prefect start `program PORT` as its server, unless an API address is set."""
    if not PREFECT_API_URL.value():
        TemporaryServer().program = program


def leave_signals_alone() -> None:
    """Keep Prefect from installing its own SIGTERM handler around a flow: the command has one."""
    flow_engine.capture_sigterm = contextlib.nullcontext  # type: ignore[attr-defined, assignment]
