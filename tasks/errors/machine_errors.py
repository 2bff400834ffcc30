"""Errors of the machine, not of the work: full disks, limits of the system, no memory.

Each library words them in its own way, and often without a number.
"""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

KEPT = "start the same command again: finished shards are kept"
OTHER_FOLDER = "choose another folder with --store or TEXTMILL_STORE"


class MachineError(NamedTuple):
    """An error of the machine: what it refused, and what to do about it."""

    what: str
    hint: str
    is_transient: bool = False


# Space, permissions and limits do not change within seconds: only the user can help.
BY_NUMBER = {
    errno.ENOSPC: MachineError("No space left on device", f"Free some disk space and {KEPT}"),
    errno.EDQUOT: MachineError("Disk quota exceeded", f"Raise the disk quota, or free some of it, and {KEPT}"),
    errno.EFBIG: MachineError(
        "File too large", f"Raise the limit on the size of a file (ulimit -f unlimited), or {OTHER_FOLDER}"
    ),
    errno.EMFILE: MachineError(
        "Too many open files",
        f"Raise the limit of this shell (ulimit -n 65536), or set TEXTMILL_WORKERS lower, and {KEPT}",
    ),
    errno.ENFILE: MachineError(
        "Too many open files on this machine",
        "Raise the system's limit (sysctl fs.file-max), or end other programs",
        True,
    ),
    errno.EACCES: MachineError("Permission denied", f"Give this user the permission, or {OTHER_FOLDER}"),
    errno.EPERM: MachineError("Operation not permitted", f"Give this user the permission, or {OTHER_FOLDER}"),
    errno.EROFS: MachineError("Read-only file system", f"The file system is read-only: {OTHER_FOLDER}"),
    errno.EIO: MachineError(
        "Input/output error", f"The disk or its connection fails: look at dmesg, check the disk, and {KEPT}", True
    ),
    errno.ESTALE: MachineError("Stale file handle", f"The network drive was lost: mount it again, and {KEPT}", True),
    errno.EAGAIN: MachineError(
        "Resource temporarily unavailable",
        f"The system starts no further process or thread: raise ulimit -u, or set TEXTMILL_WORKERS lower, and {KEPT}",
        True,
    ),
    errno.ENOMEM: MachineError(
        "out of memory",
        f"Use fewer workers (TEXTMILL_WORKERS), end other programs, or raise the memory limit (ulimit -v), and {KEPT}",
        True,
    ),
}
NO_INODES = MachineError(
    "No space left on device: bytes are free, but no inode is, which each file and folder takes one of",
    f"Remove files that you do not need, however small, and {KEPT}",
)
SHORT_WRITE = MachineError(
    "a file could not be written to its end",
    f"The disk is full, or a quota or a limit (ulimit -f) is reached: free some disk space, and {KEPT}",
)
LOCKED_DATABASE = MachineError(
    "database is locked", f"Another program uses it: wait until it has ended, and {KEPT}", True
)

# "[Errno 28] …" of Python and Arrow, "… (os error 28)" of the libraries in Rust
NUMBER = re.compile(r"(?:\[[Ee]rrno |os error )(\d+)")
# texts without a number, in lower case → what they mean
BY_TEXT = {
    "database or disk is full": BY_NUMBER[errno.ENOSPC],
    "disk i/o error": BY_NUMBER[errno.EIO],
    "attempt to write a readonly database": BY_NUMBER[errno.EROFS],
    "database is locked": LOCKED_DATABASE,
    "can't start new thread": BY_NUMBER[errno.EAGAIN],
    "can't allocate memory": BY_NUMBER[errno.ENOMEM],  # torch
    "cannot allocate memory": BY_NUMBER[errno.ENOMEM],
    "std::bad_alloc": BY_NUMBER[errno.ENOMEM],
    "inline_container.cc": SHORT_WRITE,  # torch.save counts bytes, and does not say why some are missing
} | {
    os.strerror(number).lower(): BY_NUMBER[number] for number in BY_NUMBER if number not in (errno.EPERM, errno.EACCES)
}
REQUESTED_AND_WRITTEN = re.compile(r"^\d+ requested and \d+ written$")  # numpy's
QUOTED_PATH, BARE_PATH = re.compile(r"['\"](/[^'\"]+)['\"]"), re.compile(r": (/\S+)$")


def find_machine_error(error: BaseException, folder: Path | None = None) -> MachineError | None:
    """Return what an error says about the machine, with the file where it is known; None for any other error.

    `folder` is where the work is done: it tells a full disk from one without inodes where the error names no file.
    """
    for cause in iterate_causes(error):
        machine_error = classify_error(cause)
        if machine_error is not None:
            file = find_path(cause)
            if machine_error is BY_NUMBER[errno.ENOSPC] and has_bytes_without_inodes(Path(file) if file else folder):
                machine_error = NO_INODES
            return machine_error._replace(what=f"{machine_error.what} ({file})") if file else machine_error
    return None


def classify_error(error: BaseException) -> MachineError | None:
    """Return what one error says about the machine, by its number, its class or its text."""
    if isinstance(error, MemoryError):
        return BY_NUMBER[errno.ENOMEM]
    if isinstance(error, OSError) and error.errno is not None:
        return BY_NUMBER.get(error.errno)
    text = str(error)
    for number in NUMBER.findall(text):
        if int(number) in BY_NUMBER:
            return BY_NUMBER[int(number)]
    if isinstance(error, OSError) and REQUESTED_AND_WRITTEN.match(text):
        return SHORT_WRITE
    # a text alone is weak evidence: of an error that speaks of something else, such as a page, it is none
    if isinstance(error, OSError | RuntimeError | sqlite3.Error):
        return next((value for words, value in BY_TEXT.items() if words in text.lower()), None)
    return None


def iterate_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that it was raised from."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        yield cause
        cause = cause.__cause__


def find_path(error: BaseException) -> str:
    """Return the file that an error is about; empty where it names none. Of a copy it is the target."""
    if isinstance(error, OSError) and error.filename:
        return os.fsdecode(error.filename2 or error.filename) if not isinstance(error.filename, int) else ""
    paths = QUOTED_PATH.findall(str(error)) or BARE_PATH.findall(str(error))
    return str(paths[-1]) if paths else ""


def has_bytes_without_inodes(path: Path | None) -> bool:
    """Tell whether the file system of a path has space left, and no inode for another file."""
    place = (path or Path()).absolute()
    try:
        while not place.exists():
            place = place.parent
        state = os.statvfs(place)
    except OSError:
        return False
    # file systems that make inodes as they need them report 0 of 0
    return state.f_files > 0 and state.f_favail <= 0 and state.f_bavail > 0
