"""Errors for people: what went wrong, and what to do about it."""

import errno
from concurrent.futures import BrokenExecutor


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


class Transient(StageFailure):
    """A failure that may pass by itself (a network, a lost worker): retried with growing, jittered delays."""


# Permission and space do not come back within seconds: only the user can help.
HINTS = {
    errno.ENOSPC: "Free some disk space and start the same command again: finished shards are kept",
    errno.EDQUOT: "Raise the disk quota and start the same command again: finished shards are kept",
    errno.EACCES: "Give this user the permission, or choose another folder with --store or TEXTMILL_STORE",
    errno.EPERM: "Give this user the permission, or choose another folder with --store or TEXTMILL_STORE",
    errno.EROFS: "The file system is read-only: choose another folder with --store or TEXTMILL_STORE",
}


def is_transient(error: BaseException) -> bool:
    """Tell whether a retry may help: lost connections and workers come back, wrong values do not."""
    # BrokenExecutor: a worker process died, often because it was killed for its memory; a retry gets new processes
    return isinstance(error, (Transient, ConnectionError, TimeoutError, BrokenExecutor))


def explain_error(stage: str, error: Exception) -> Exception:
    """Return an error as a StageFailure that names the stage; an unknown error is returned unchanged."""
    if isinstance(error, StageFailure):
        # the same class: a Transient is retried, a BadSetting ends the command with exit code 2
        return type(error)(f"{stage}: {error.what}", error.hint)
    if isinstance(error, OSError) and error.errno in HINTS:
        where = f" ({error.filename})" if error.filename else ""
        return StageFailure(f"{stage}: {error.strerror}{where}", HINTS[error.errno])
    if isinstance(error, MemoryError):
        return StageFailure(f"{stage}: out of memory", "Use fewer workers (TEXTMILL_WORKERS) or smaller shards")
    return error
