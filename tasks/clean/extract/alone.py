"""A lock of this machine: pages are read side by side, but a page that failed is tried again with no other beside it.

What makes a reader fail on a busy machine, above all the memory that others take, is gone then.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

POLL_SECONDS = 0.05
MAX_WAIT_SECONDS = 900.0  # for a run that is suspended; then the page is tried beside it


@contextlib.contextmanager
def read_beside_others() -> Iterator[None]:
    """Hold a share of the machine inside the block, after those who wait to have it alone."""
    with open_lock("gate") as gate, open_lock("pages") as pages:
        wait_for_lock(gate, fcntl.LOCK_SH)
        wait_for_lock(pages, fcntl.LOCK_SH)
        free_lock(gate)
        yield


@contextlib.contextmanager
def read_alone() -> Iterator[None]:
    """Hold the machine inside the block: no other process of this user reads pages meanwhile."""
    with open_lock("gate") as gate, open_lock("pages") as pages:
        # the gate first: with it held nobody new takes a share, and those who have one end their batch
        wait_for_lock(gate, fcntl.LOCK_EX)
        wait_for_lock(pages, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def open_lock(name: str) -> Iterator[int | None]:
    """Open a lock file of this user and machine; None where none can be made, as on a full disk."""
    path = Path(tempfile.gettempdir()) / f"textmill-{os.getuid()}-{name}.lock"
    try:
        # not followed: another user may have put a link of this name there
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # which frees the lock, as the end of the process does


def wait_for_lock(descriptor: int | None, kind: int) -> None:
    """Take a lock, or go on without it after MAX_WAIT_SECONDS."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while descriptor is not None and time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            time.sleep(POLL_SECONDS)
        else:
            return


def free_lock(descriptor: int | None) -> None:
    """Free a lock before its file is closed."""
    if descriptor is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
