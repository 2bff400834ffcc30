"""Ending processes together with all that they started."""

import subprocess
import sys

import psutil
import pytest

from tasks.runtime.process_tree import find_descendants, kill_tree
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PARENT = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True); sys.stdin.read()"


def test_a_process_whose_number_was_another_ones_is_ended_too() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin
    assert parent.stdout
    with parent, parent.stdout, parent.stdin:
        child = int(parent.stdout.readline())
        for known in psutil.process_iter():  # it remembers them
            if known.pid == child:
                known._ident = (child, -1.0)  # as if it had been born before, and died
        assert [each.pid for each in find_descendants(parent.pid)] == [child]
        kill_tree([parent.pid])
        parent.wait()
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_what_a_process_started_is_ended_though_another_one_ends_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pool does with its workers as soon as it misses one."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin
    assert parent.stdout
    kill = psutil.Process.kill

    def kill_and_be_missed(process: psutil.Process) -> None:
        kill(process)
        parent.kill()
        parent.wait()

    monkeypatch.setattr(psutil.Process, "kill", kill_and_be_missed)
    with parent, parent.stdout, parent.stdin, subprocess.Popen(["sleep", "600"]) as other:
        child = int(parent.stdout.readline())
        kill_tree([other.pid, parent.pid])
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
