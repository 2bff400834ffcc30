"""Real servers, killed at each moment of a run: the work ends well, soon, and with one sentence."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.flows.server import ROOT, free_port, make_environment, run_server

pytestmark = [pytest.mark.prefect, pytest.mark.long, pytest.mark.timeout(600)]

MAX_SECONDS = 60  # half a minute of trying, and the end of a program on a busy machine
SENTENCE = "Prefect's server cannot be used"


COMMAND_LINE = ("-m", "tests.flows.outage_program")
ENTRYPOINT = "tests/flows/outage_program.py:outage"


def run_program(
    folder: Path,
    env: dict[str, str],
    moment: str,
    at_moment: Callable[[], None],
    command: tuple[str, ...] = COMMAND_LINE,
) -> tuple[int, str, float]:
    """Run the program; the exit code, what it wrote, and the seconds from the moment to its end."""
    log = folder / "program.log"
    env = env | {"OUTAGE_FOLDER": str(folder), "OUTAGE_MOMENT": moment}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            while moment != "start" and not (folder / "here").exists():
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            at_moment()
            (folder / "go").touch()
            began = time.monotonic()
            code = process.wait(300)
        finally:
            process.kill()
            process.wait()
    return code, log.read_text(), time.monotonic() - began


def create_flow_run(env: dict[str, str]) -> str:
    """Create a deployment of the flow on the server, and a run of it, as a schedule does; its id."""
    program = (
        "from prefect import flow; from prefect.client.orchestration import get_client\n"
        "outage = flow(name='outage')(lambda: None)\n"
        "with get_client(sync_client=True) as client:\n"
        f"    deployed = client.create_deployment(client.create_flow(outage), 'made', entrypoint='{ENTRYPOINT}')\n"
        "    print(client.create_flow_run_from_deployment(deployed).id)"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()[-1]


def run_as_worker(folder: Path, env: dict[str, str], moment: str, kill: Callable[[], None]) -> tuple[int, str, float]:
    """Run the flow in the program that a worker starts for a run."""
    run = create_flow_run(env)
    return run_program(
        folder, env | {"PREFECT__FLOW_ENTRYPOINT": ENTRYPOINT}, moment, kill, ("-m", "prefect.engine", run)
    )


def make_environment_without_server(folder: Path) -> dict[str, str]:
    env = make_environment(folder / "home", "", folder / "store")
    return env | {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}  # on a busy machine


def count_artifacts(store: Path) -> int:
    return len(list(store.glob("*/*/manifest.json")))


@contextlib.contextmanager
def run_server_to_kill(folder: Path) -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """The environment of a server, and what kills it.

    Only its own processes: the test run has others, which later tests need.
    """
    before = psutil.Process().children(recursive=True)
    with run_server(folder, folder / "store") as (_, env):
        servers = [child for child in psutil.Process().children(recursive=True) if child not in before]

        def kill_servers() -> None:
            for server in servers:
                server.kill()

        yield env, kill_servers


@pytest.mark.parametrize("moment", ["crawl", "between", "end"])
def test_a_server_that_is_killed_costs_a_sentence(moment: str, tmp_path: Path) -> None:
    with run_server_to_kill(tmp_path) as (env, kill_servers):
        code, output, seconds = run_program(tmp_path, env, moment, kill_servers)
    assert code == 0, output
    assert "done: crawl extract" in output
    assert output.count(SENTENCE) == 1
    assert "Traceback" not in output
    assert "Error logging" not in output
    assert seconds < MAX_SECONDS
    assert count_artifacts(tmp_path / "store") == 2


def test_a_server_that_was_never_there_costs_a_sentence(tmp_path: Path) -> None:
    env = make_environment(tmp_path / "home", f"http://127.0.0.1:{free_port()}/api", tmp_path / "store")
    code, output, _ = run_program(tmp_path, env, "start", lambda: None)
    assert code == 0, output
    assert output.count(SENTENCE) == 1
    assert "Traceback" not in output
    assert count_artifacts(tmp_path / "store") == 2


def test_a_temporary_server_that_is_killed_costs_a_sentence(tmp_path: Path) -> None:
    env = make_environment_without_server(tmp_path)
    before = psutil.Process().children(recursive=True)

    def kill_server() -> None:
        programs = [child for child in psutil.Process().children(recursive=True) if child not in before]
        (server,) = [program for program in programs if "prefect_server.py" in " ".join(program.cmdline())]
        server.kill()

    code, output, seconds = run_program(tmp_path, env, "crawl", kill_server)
    assert code == 0, output
    assert output.count(SENTENCE) == 1
    assert "Traceback" not in output
    assert seconds < MAX_SECONDS


def test_a_temporary_server_that_does_not_start_costs_a_sentence(tmp_path: Path) -> None:
    """Its database is a folder."""
    (tmp_path / "home" / "prefect.db").mkdir(parents=True)
    env = make_environment_without_server(tmp_path)
    code, output, _ = run_program(tmp_path, env, "start", lambda: None)
    assert code == 0, output
    assert output.count(SENTENCE) == 1
    assert "its temporary server ended" in output
    assert "Traceback" not in output
    assert count_artifacts(tmp_path / "store") == 2


@pytest.mark.parametrize("moment", ["begin", "crawl", "end"])
def test_a_flow_that_a_worker_runs_ends_well_with_a_sentence(moment: str, tmp_path: Path) -> None:
    with run_server_to_kill(tmp_path) as (env, kill_servers):
        code, output, seconds = run_as_worker(tmp_path, env, moment, kill_servers)
    assert code == 0, output
    assert "done: crawl extract" in output
    assert output.count(SENTENCE) == 1
    assert "Traceback" not in output
    assert count_artifacts(tmp_path / "store") == 2
    assert seconds < MAX_SECONDS


def test_a_failure_of_a_flow_that_a_worker_runs_stays_one(tmp_path: Path) -> None:
    with run_server_to_kill(tmp_path) as (env, kill_servers):
        code, output, seconds = run_as_worker(tmp_path, env, "failure", kill_servers)
    assert code == 1, output
    assert output.count(SENTENCE) == 1
    assert "no document came in" in output
    assert "Traceback" not in output
    assert count_artifacts(tmp_path / "store") == 1
    assert seconds < MAX_SECONDS
