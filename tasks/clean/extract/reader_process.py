"""The process that reads pages, seen from its parent: its start, its work so far, how it ended."""

import atexit
import collections
import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

import psutil

COMMAND = [sys.executable, "-m", "tasks.clean.extract.page_process"]
ALONE = "--alone"
MAX_STDERR_LINES = 20
POLL_SECONDS = 0.5
SECONDS_TO_END = 10.0  # of a process that has closed its pipe


class ReaderProcess:
    """A running process, and the pipe to it."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.is_ready = False  # whether it has answered
        self.last_lines: collections.deque[str] = collections.deque(maxlen=MAX_STDERR_LINES)
        parent_end, child_end = socket.socketpair()
        # The parent's copy of the child's end is closed, or the parent would never see that the child is gone.
        # So is the parent's own end when the child cannot be started: once it is detached, the pipe has it.
        with parent_end, child_end:
            self._child = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                [*COMMAND, str(child_end.fileno()), *([ALONE] if alone else [])],
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C is for the parent, which ends the child
            )
            self.pipe = Connection(parent_end.detach())
        self._stderr = threading.Thread(target=self._copy_stderr, daemon=True)
        self._stderr.start()
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    def _copy_stderr(self) -> None:
        """Show what the process writes, and keep the last lines for the message of its end."""
        assert self._child.stderr is not None
        with self._child.stderr as stream:
            for line in stream:
                text = line.decode(errors="replace")
                self.last_lines.append(text.rstrip())
                if self.is_ready:
                    with contextlib.suppress(OSError, ValueError):
                        sys.stderr.write(text)

    def wait_for_answer(self, max_seconds: float) -> bool:
        """Wait until an answer is there, or the process has ended; return False when it has worked too long.

        What counts is the process's own time, so that a suspended or starved process is waited for: its CPU time, and
        the time in which it sleeps although nothing keeps it from working.
        """
        spent = 0.0
        last_cpu: float | None = None
        while not self.pipe.poll(POLL_SECONDS):
            # the process may end at any moment; then there is something to read, the end of the pipe
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(self.pid)
                status, times = process.status(), process.cpu_times()
                cpu = times.user + times.system
                if last_cpu is not None and cpu > last_cpu:
                    spent += cpu - last_cpu
                elif status == psutil.STATUS_SLEEPING:
                    # counted by polls and not by a clock: this process may have been suspended too
                    spent += POLL_SECONDS
                last_cpu = cpu
            if spent >= max_seconds:
                return False
        return True

    def describe_end(self) -> tuple[int, str]:
        """Return the exit code of a process that has closed its pipe, and how it ended, in words."""
        try:
            code = self._child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._child.returncode
        self._stderr.join(SECONDS_TO_END)
        # 128 + n is what a shell, such as a wrapper of the interpreter, makes of signal n
        if code < 0:
            name = signal.Signals(-code).name
            memory = ", as the system does when memory is short" if -code == signal.SIGKILL else ""
            return code, f"it was ended by {name}{memory}"
        return code, f"exit code {code}: {next(reversed(self.last_lines), 'no message')}"

    def kill(self) -> None:
        """Kill the process, whatever it is doing."""
        atexit.unregister(self.kill)
        self.pipe.close()
        self._child.kill()
        self._child.wait()
        self._stderr.join(SECONDS_TO_END)


def is_memory_end(code: int) -> bool:
    """Tell whether an exit code is that of a process which was killed, as for its memory."""
    return -code in (signal.SIGKILL, signal.SIGTERM, signal.SIGABRT)


def sleep_before_retry(attempt: int) -> None:
    """Wait a little before a process is started again, a little longer each time."""
    time.sleep(2.0**attempt - 1)
