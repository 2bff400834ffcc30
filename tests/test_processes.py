"""Ending processes together with all that they started."""

import subprocess
import sys

import psutil

from tasks.processes import below, end
from tests.waiting import wait_until

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
        assert [each.pid for each in below(parent.pid)] == [child]
        end([parent.pid])
        parent.wait()
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
