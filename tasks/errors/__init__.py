"""Errors for people: what went wrong, and what to do about it."""

from concurrent.futures import BrokenExecutor
from pathlib import Path

from tasks.errors.machine_errors import BY_NUMBER, find_machine_error


class StageFailure(Exception):
    """A stage cannot continue: `what` names the file, page or setting, `hint` says what to do. Never retried."""

    setting = ""
    """the setting of a data set that the failure is about, where its reader knows it; lost when it is pickled"""

    def __init__(self, what: str, hint: str) -> None:
        # An exception is pickled as its class and `args`: with both in `args` a worker's error arrives whole in the
        # parent.
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}."


class BadSetting(StageFailure):
    """A setting is wrong, whatever the pages and the machine are like."""


class CorruptInput(StageFailure):
    """A file that a stage reads is not what its artifact's manifest says; the artifact does not count as built."""


class Transient(StageFailure):
    """A failure that may pass by itself (a network, a lost worker): retried with growing, jittered delays."""


class ChangedInput(Transient):
    """A file was written to while a stage read it, so that what the stage made of it cannot be trusted."""


# number of an error of the system → what to do about it
HINTS = {number: error.hint for number, error in BY_NUMBER.items()}


def is_transient(error: BaseException) -> bool:
    """Tell whether a retry may help: lost connections and workers come back, wrong values do not."""
    # BrokenExecutor: a worker process died, often because it was killed for its memory; a retry gets new processes
    return isinstance(error, (Transient, ConnectionError, TimeoutError, BrokenExecutor))


def explain_error(stage: str, error: Exception, folder: Path | None = None) -> Exception:
    """Return an error as a StageFailure that names the stage; an unknown error is returned unchanged.

    `folder` is where the stage works, for errors of the disk that name no file.
    """
    if isinstance(error, StageFailure):
        # the same class: a Transient is retried, a BadSetting ends the command with exit code 2
        return type(error)(f"{stage}: {error.what}", error.hint)
    machine_error = find_machine_error(error, folder)
    if machine_error is None:
        return error
    failure = Transient if machine_error.is_transient else StageFailure
    return failure(f"{stage}: {machine_error.what}", machine_error.hint)
