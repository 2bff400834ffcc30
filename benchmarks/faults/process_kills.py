"""Random kills of whole runs: the command, its group, all its processes, the trainer, a worker, a reader, the server.

`textmill run` is started again until it ends well; then everything starts over with an empty store, until there were
enough kills.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

from benchmarks.faults.chain import find_store_problems
from tasks.store import Store
from tests.flows import tiny

VICTIMS = ("all", "main", "group", "trainer", "worker", "reader", "server")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP)
STOPPED_SECONDS = 3.0
PAUSE_SECONDS = 20.0  # before a signal, at most
MAX_RUN_SECONDS = 900.0
# how the command line of each kind of process is recognised
COMMAND_LINES = {
    "trainer": "tasks.pretrain",
    "worker": "multiprocessing.spawn",
    "reader": "tasks.clean.extract",
    "server": "prefect",
}


class ProcessKill(NamedTuple):
    """One signal that was sent to a run, and what went wrong by the run's end."""

    victim: str
    signal: str
    faults: tuple[str, ...]


def start_run(recipe: Path, store: Path, log: Path) -> psutil.Popen:
    """Start `textmill run` in a process group of its own."""
    environment = os.environ | {"TEXTMILL_STORE": str(store), "TEXTMILL_WORKERS": "2", "NO_COLOR": "1"}
    environment |= {"TEXTMILL_CHECKPOINT_SECONDS": "0.2", "PREFECT_HOME": str(store.parent / "prefect")}
    with log.open("ab") as output:
        return psutil.Popen(
            [sys.executable, "-m", "flows", "run", "--recipe", str(recipe)],
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


def select_victims(run: psutil.Popen, victim: str) -> list[psutil.Process]:
    """Select the processes to signal; none when the run has no such process at the moment."""
    if victim == "main":
        return [run]
    children = run.children(recursive=True)
    if victim == "all":
        return [run, *children]
    if victim == "group":
        return [run, *(child for child in children if is_in_group(child, run.pid))]
    return [child for child in children if COMMAND_LINES[victim] in read_command_line(child)]


def is_in_group(process: psutil.Process, group: int) -> bool:
    """Tell whether a process is in a process group."""
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(process.pid) == group
    return False


def read_command_line(process: psutil.Process) -> str:
    """Read a process's command line; empty when it is gone."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def send_signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Signal the processes; those that are stopped go on after some seconds."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    if number is signal.SIGSTOP:
        time.sleep(STOPPED_SECONDS)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def disturb_run(run: psutil.Popen, random_: random.Random, max_kills: int) -> Iterator[tuple[str, str]]:
    """Send signals at random times until a run ends, or there were enough; yield the victim and signal of each."""
    num_sent = 0
    while run.poll() is None and num_sent < max_kills:
        if kill := send_random_signal(run, random_, PAUSE_SECONDS):
            num_sent += 1
            yield kill


def send_random_signal(run: psutil.Popen, random_: random.Random, num_seconds: float) -> tuple[str, str] | None:
    """Send one signal at a random time of a run; None when the run ended before, or had no such process."""
    victim, number = random_.choice(VICTIMS), random_.choice(SIGNALS)
    deadline = time.monotonic() + random_.random() * num_seconds
    while time.monotonic() < deadline:
        if run.poll() is not None:
            return None
        time.sleep(0.05)
    # a worker, a reader or a trainer lives only for a part of the run
    patience = time.monotonic() + num_seconds
    while run.poll() is None and time.monotonic() < patience:
        with contextlib.suppress(psutil.Error):
            if processes := select_victims(run, victim):
                if victim in ("worker", "reader"):
                    processes = [random_.choice(processes)]
                send_signal(processes, number)
                return victim, number.name
        time.sleep(0.02)
    return None


def wait_for_end(run: psutil.Popen) -> int | None:
    """Wait for a run's end and return its exit code; None for one that hangs, which is killed."""
    try:
        return int(run.wait(MAX_RUN_SECONDS))
    except psutil.TimeoutExpired:
        for process in [*run.children(recursive=True), run]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        run.wait()
        return None


def read_digests(store: Path) -> dict[str, str]:
    """Read the digest of the newest artifact of each stage."""
    return {stage: artifact.digest for stage, artifact in Store(store).newest_artifacts().items()}


def kill_runs(site: Path, work: Path, num_kills: int, expected: dict[str, str], seed: int) -> Iterator[ProcessKill]:
    """Send signals to runs, until there were enough."""
    random_ = random.Random(seed)
    work.mkdir(parents=True)
    recipe = work / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(tiny.settings_from(site)))
    log = work / "run.log"
    count, number = 0, 0
    while count < num_kills:
        store = work / f"store-{number}"
        number += 1
        pending: list[tuple[str, str]] = []
        while True:
            run = start_run(recipe, store, log)
            kills = list(disturb_run(run, random_, num_kills - count - len(pending)))
            pending += kills
            code = wait_for_end(run)
            if code == 0:
                break
            if not kills or code is None:
                break  # nothing disturbed it, and yet it failed; or it hangs
        faults = [f"exit code {code} without a signal"] if code != 0 else []
        faults += [
            f"{stage}: other bytes than without a fault"
            for stage, digest in read_digests(store).items()
            if digest != expected[stage]
        ]
        faults += find_store_problems(store)
        count += len(pending)
        for index, (victim, name) in enumerate(pending):
            # what the store looks like in the end cannot be laid to one of its kills: the last one names it
            yield ProcessKill(victim, name, tuple(faults) if index == len(pending) - 1 else ())
