"""A Prefect server, pools, deployments and a worker of one's own, for a test or the browser check."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PREFECT_FILE = "deployments/prefect.yaml"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_environment(home: Path, api: str, store: Path) -> dict[str, str]:
    """What the commands need: a Prefect home of their own, the server's address, the store, where the code is."""
    return {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "TEXTMILL_HOME": str(ROOT),
        "TEXTMILL_STORE": str(store),
        "NO_COLOR": "1",
    }


@contextlib.contextmanager
def run_program(command: list[str], log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, ended with all its children when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True)
        try:
            yield process
        finally:
            for ending in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, ending)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                    break


@contextlib.contextmanager
def run_server(folder: Path, store: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A Prefect server; its address without /api, and the environment for commands against it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = make_environment(folder / "prefect", f"{address}/api", store)
    command = [str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with run_program(command, folder / "server.log", env) as process:
        deadline = time.monotonic() + 120
        while not is_answering(f"{address}/api/health"):
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.3)
        yield address, env


def is_answering(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def run_prefect(env: dict[str, str], *words: str) -> str:
    """Run a prefect command; what it prints."""
    done = subprocess.run(
        [str(BIN / "prefect"), *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def deploy_all(env: dict[str, str]) -> None:
    """Pools, the GPU slot and all deployments, as the README says."""
    run_prefect(env, "work-pool", "create", "cpu", "--type", "process")
    run_prefect(env, "work-pool", "create", "gpu", "--type", "process")
    run_prefect(env, "gcl", "create", "gpu", "--limit", "1")
    run_prefect(env, "--no-prompt", "deploy", "--prefect-file", PREFECT_FILE, "--all")


@contextlib.contextmanager
def run_worker(folder: Path, env: dict[str, str], pool: str = "cpu") -> Iterator[None]:
    """A worker that polls a pool."""
    command = [str(BIN / "prefect"), "worker", "start", "--pool", pool, "--type", "process"]
    with run_program(command, folder / f"worker-{pool}.log", env):
        yield
