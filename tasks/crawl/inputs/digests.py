"""Digests of files, remembered: a key is asked for often, and an input of a terabyte is not read each time.

A digest is remembered by device, inode, size, time of change and time of status change (`ctime`, which no programme can
set back), as git does in its index. What changed within the last two seconds is not remembered: clocks of some file
systems are so coarse that it could change again without a trace. The memory is about the files of this machine, so it
lies there: `$XDG_CACHE_HOME/textmill/digests.sqlite`. When it cannot be opened, every file is read.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tasks.runtime.cache_folder import user_cache_folder

READ_BYTES = 1 << 20
SETTLED_SECONDS = 2.0
MOST = 2_000_000  # files; the oldest are forgotten
State = tuple[int, int, int, int, int]
TABLE = "CREATE TABLE IF NOT EXISTS digests (device, inode, size, changed, status_changed, digest BLOB)"
LOOKUP = "CREATE INDEX IF NOT EXISTS by_inode ON digests (inode, device)"
FIND = (
    "SELECT digest FROM digests WHERE device = ? AND inode = ? AND size = ? AND changed = ? AND status_changed = ?"
    " ORDER BY rowid DESC"
)
FORGET = "DELETE FROM digests WHERE rowid <= (SELECT max(rowid) FROM digests) - ?"


def digests(paths: Sequence[Path]) -> list[bytes]:
    """blake2b-128 of each file's content. Raises OSError."""
    states = [state(path) for path in paths]
    found = recalled(states)
    unknown = [number for number, each in enumerate(found) if each is None]
    new: list[tuple[Any, ...]] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for number, read in zip(unknown, threads.map(digest, [paths[each] for each in unknown]), strict=True):
            found[number] = read
            if is_settled(states[number]) and state(paths[number]) == states[number]:
                new.append((*states[number], read))
    remember(new)
    return [each for each in found if each is not None]


def digest(path: Path) -> bytes:
    """blake2b-128 of a file's content, read in pieces."""
    whole = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            whole.update(piece)
    return whole.digest()


def state(path: Path) -> State:
    """What cannot all stay the same when the content changes."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_settled(found: State) -> bool:
    """Whether the last change lies long enough back that another would show."""
    return time.time() - max(found[3:]) / 1e9 > SETTLED_SECONDS


def recalled(states: list[State]) -> list[bytes | None]:
    """The digests of files in these states that were read before."""
    with contextlib.suppress(OSError, sqlite3.Error), contextlib.closing(memory()) as known:
        rows = [known.execute(FIND, each).fetchone() for each in states]
        return [row[0] if row else None for row in rows]
    return [None] * len(states)


def remember(rows: list[tuple[Any, ...]]) -> None:
    """Write states and digests down, in one transaction."""
    if rows:
        with contextlib.suppress(OSError, sqlite3.Error), contextlib.closing(memory()) as known, known:
            known.executemany("INSERT INTO digests VALUES (?, ?, ?, ?, ?, ?)", rows)
            known.execute(FORGET, (MOST,))


def memory() -> sqlite3.Connection:
    """The table of what is remembered. Raises OSError and sqlite3.Error."""
    path = user_cache_folder() / "digests.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = sqlite3.connect(path, timeout=30)
    known.execute(TABLE)
    known.execute(LOOKUP)
    return known
