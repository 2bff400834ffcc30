"""Errors for people: what went wrong, and what to do about it."""

import errno
from concurrent.futures import BrokenExecutor


class StageFailure(Exception):
    """A stage cannot go on: `what` names the file, page or setting, `mend` says what to do. Never retried."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)  # both, so that it survives pickling between processes
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}."


class BadSetting(StageFailure):
    """A setting cannot be meant so, whatever the pages and the machine are like."""


class Transient(StageFailure):
    """The same, but it may heal by itself (a network, a lost worker): retried with growing, jittered delays."""


# Permission and space do not come back by waiting some seconds; the mend is the user's.
HINTS = {
    errno.ENOSPC: "Free some disk space and start the same command again: finished shards are kept",
    errno.EDQUOT: "Raise the disk quota and start the same command again: finished shards are kept",
    errno.EACCES: "Give this user the permission, or choose another folder with --store or TEXTMILL_STORE",
    errno.EPERM: "Give this user the permission, or choose another folder with --store or TEXTMILL_STORE",
    errno.EROFS: "The file system is read-only: choose another folder with --store or TEXTMILL_STORE",
}


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: lost connections and workers do come back, wrong values do not."""
    return isinstance(error, (Transient, ConnectionError, TimeoutError, BrokenExecutor))


def explain_error(stage: str, error: Exception) -> Exception:
    """The same error as a sentence that names the stage; one that is not understood is returned as it is."""
    if isinstance(error, StageFailure):
        return type(error)(f"{stage}: {error.what}", error.hint)
    if isinstance(error, OSError) and error.errno in HINTS:
        where = f" ({error.filename})" if error.filename else ""
        return StageFailure(f"{stage}: {error.strerror}{where}", HINTS[error.errno])
    if isinstance(error, MemoryError):
        return StageFailure(f"{stage}: out of memory", "Use fewer workers (TEXTMILL_WORKERS) or smaller shards")
    return error
