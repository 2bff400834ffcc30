"""All uses of Prefect that its documentation does not promise. Checked against Prefect 3.8.

tests/flows/test_prefect_internals.py names the version and fails when one of these is gone: look here first when
Prefect is upgraded.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from prefect import flow_engine
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, get_current_settings

# What Prefect sets for its own ephemeral server: the API without the UI.
SERVER_ENVIRONMENT = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class TemporaryServer(SubprocessASGIServer):
    """Prefect's ephemeral server, started from a program of ours.

    Prefect's own runs in the terminal's foreground group, so Ctrl-C would end it before the run could report its state;
    and after `kill -9` of the command it would never end. Prefect keeps one instance of the class, the first one, and
    starts it at the first request.
    """

    program: Path

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        return subprocess.Popen(  # noqa: S603 - this interpreter and a file of this project
            # -P: flows/tokenize.py must not hide the standard library's module
            [sys.executable, "-P", str(self.program), str(self.port)],
            stdin=subprocess.PIPE,  # stays open as long as this process lives
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
