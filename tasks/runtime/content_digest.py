"""Digests of the content of files, which keys of artifacts are made from in place of paths.

The values enter keys, so each caller keeps the hash function and the way of combining that it began with; another one
would rebuild every artifact that depends on it:

| what | hash of a file | combined over | remembered |
|---|---|---|---|
| an artifact's files (`store.manifest`) | sha256 | names and hashes, as JSON, in sha256 | in a process, see below |
| a checkpoint's tensors (`model.checkpoint`) | blake2b-128 | one file | no: a check reads the file |
| inputs of a crawl (`crawl.inputs.folder`) | blake2b-128 | relative names and hashes | yes |
| evaluation sets (`dedup.evaluation_sets`) | blake2b-512 | suffixes and hashes | yes |
| word lists and examples (`clean.filters._lists`) | blake2b-512 | hashes: names do not count | yes |
| a model's folder (`model.folder_digest`) | blake2b-512 | hashes, in the order of their roles | yes |
| files of benchmarks and of unlabelled texts (`downstream`) | sha256 | not: a list of names and hashes | yes |

A key is asked for often, and an input of a terabyte is not read each time. A digest is remembered by device, inode,
size, time of change and time of status change (`ctime`, which no program can set back), as git does in its index. A
file that changed within the last two seconds is not remembered: clocks of some file systems are so coarse that it could
change again without a trace. The memory is about the files of this machine, so it lies there, in
`$XDG_CACHE_HOME/textmill`. When it cannot be opened, every file is read.

A file that rots on its disk looks unchanged. So a build trusts no memory of an earlier process: `hash_files_once` reads
each file of its inputs once in a process.
"""

import contextlib
import functools
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tasks.runtime.cache_folder import user_cache_folder

Algorithm: TypeAlias = Literal["sha256", "blake2b-128", "blake2b-512"]
FileState: TypeAlias = tuple[int, int, int, int, int]

CONSTRUCTORS: Mapping[Algorithm, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "blake2b-128": functools.partial(hashlib.blake2b, digest_size=16),
    "blake2b-512": hashlib.blake2b,
}
# a database for each algorithm: the first one is older than the choice, and holds nothing but blake2b-128
DATABASES: Mapping[Algorithm, str] = {
    "sha256": "digests-sha256.sqlite",
    "blake2b-128": "digests.sqlite",
    "blake2b-512": "digests-blake2b-512.sqlite",
}
SETTLED_SECONDS = 2.0
# Rows of a database. More than that, and the oldest ones are forgotten.
MAX_FILES = 2_000_000
CREATE_TABLE = "CREATE TABLE IF NOT EXISTS digests (device, inode, size, changed, status_changed, digest BLOB)"
CREATE_INDEX = "CREATE INDEX IF NOT EXISTS by_inode ON digests (inode, device)"
# There is no unique index, so two processes may have inserted the same state: the row that was inserted last counts.
SELECT = (
    "SELECT digest FROM digests WHERE device = ? AND inode = ? AND size = ? AND changed = ? AND status_changed = ?"
    " ORDER BY rowid DESC"
)
INSERT = "INSERT INTO digests VALUES (?, ?, ?, ?, ?, ?)"
# SQLite gives a new row the largest rowid + 1, so the smallest ones are the oldest.
FORGET = "DELETE FROM digests WHERE rowid <= (SELECT max(rowid) FROM digests) - ?"


_digests_of_process: dict[tuple[Algorithm, FileState], bytes] = {}
"""What `hash_files_once` has read in this process"""


def hash_file(path: Path, algorithm: Algorithm) -> bytes:
    """Return the digest of a file's content, which is always read. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, CONSTRUCTORS[algorithm]).digest()


def hash_files_cached(paths: Sequence[Path], algorithm: Algorithm) -> list[bytes]:
    """Return the digest of each file's content; only files that changed since the last call are read. Raises OSError.

    A check for damage must not use it: a file that rotted on its disk looks unchanged.
    """
    # before any file is read: a change during the read then shows as another state after it
    states = [get_file_state(path) for path in paths]
    digests = load_digests(states, algorithm)
    new = hash_unknown_files(paths, states, digests, algorithm)
    save_digests(new, algorithm)
    return [digest for digest in digests if digest is not None]


def hash_files_once(paths: Sequence[Path], algorithm: Algorithm) -> list[bytes]:
    """Return the digest of each file's content, which this process reads at least once. Raises OSError.

    A file is read again when it changed. What other processes remember is not trusted, but it is kept for them.
    """
    states = [get_file_state(path) for path in paths]
    digests = [_digests_of_process.get((algorithm, state)) for state in states]
    new = hash_unknown_files(paths, states, digests, algorithm)
    _digests_of_process.update({(algorithm, state): digest for state, digest in new})
    save_digests(new, algorithm)
    return [digest for digest in digests if digest is not None]


def forget_hashes() -> None:
    """Make `hash_files_once` read every file again."""
    _digests_of_process.clear()


def hash_unknown_files(
    paths: Sequence[Path], states: Sequence[FileState], digests: list[bytes | None], algorithm: Algorithm
) -> list[tuple[FileState, bytes]]:
    """Fill the gaps in the digests of files; return those that can be remembered, each with the file's state."""
    unknown = [index for index, digest in enumerate(digests) if digest is None]
    new: list[tuple[FileState, bytes]] = []
    # hashlib releases the interpreter lock, so threads use all cores
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        hashes = threads.map(lambda index: hash_file(paths[index], algorithm), unknown)
        for index, digest in zip(unknown, hashes, strict=True):
            digests[index] = digest
            # a file that was written to while it was read would be remembered with a digest of neither content
            if is_settled(states[index]) and get_file_state(paths[index]) == states[index]:
                new.append((states[index], digest))
    return new


def hash_named_file(setting: str, path: str) -> dict[str, str]:
    """Return `{setting: SHA-256 of the file at path}`; an empty dictionary where there is no file. Raises OSError."""
    file = Path(path)
    return {setting: hash_files_cached([file], "sha256")[0].hex()} if file.is_file() else {}


def combine_digests(parts: Iterable[bytes]) -> str:
    """Return the blake2b-128 of digests one after the other, in hexadecimal; parts may begin with a name."""
    combined = hashlib.blake2b(digest_size=16)
    for part in parts:
        combined.update(part)
    return combined.hexdigest()


def get_file_state(path: Path) -> FileState:
    """Return the properties of a file that cannot all stay the same when its content changes. Raises OSError."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def is_settled(state: FileState) -> bool:
    """Tell whether the last change is so long ago that another change would show in the times."""
    # the later of the times of change and of status change, in nanoseconds
    return time.time() - max(state[3:]) / 1e9 > SETTLED_SECONDS


def load_digests(states: Sequence[FileState], algorithm: Algorithm) -> list[bytes | None]:
    """Return the remembered digests of files in these states; None for a file that was not read before."""
    with contextlib.suppress(OSError, sqlite3.Error), contextlib.closing(open_database(algorithm)) as database:
        rows = [database.execute(SELECT, state).fetchone() for state in states]
        return [row[0] if row else None for row in rows]
    return [None] * len(states)


def save_digests(digests: Sequence[tuple[FileState, bytes]], algorithm: Algorithm) -> None:
    """Remember the digests of files in these states, in one transaction."""
    if digests:
        with (
            contextlib.suppress(OSError, sqlite3.Error),
            contextlib.closing(open_database(algorithm)) as database,
            # closing() only closes; the connection as a context of its own commits
            database,
        ):
            database.executemany(INSERT, [(*state, digest) for state, digest in digests])
            database.execute(FORGET, (MAX_FILES,))


def open_database(algorithm: Algorithm) -> sqlite3.Connection:
    """Open the database of remembered digests, made when there is none. Raises OSError and sqlite3.Error."""
    path = user_cache_folder() / DATABASES[algorithm]
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another process may be writing: to wait for its lock is cheaper than to read every file.
    database = sqlite3.connect(path, timeout=30)
    database.execute(CREATE_TABLE)
    database.execute(CREATE_INDEX)
    return database
