"""A store in a folder of this machine: how its files come to be, are locked, checked and removed."""

import contextlib
import errno
import fcntl
import itertools
import os
import re
import shutil
import time
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.runtime.progress import log
from tasks.store.draft import Counts, Draft, commit_file, fsync_path
from tasks.store.manifest import MANIFEST_NAME, Manifest, find_problems

FORMAT_MARKER = "store.json"  # names the format of the store
KEY = re.compile(r"[0-9a-f]{16}")  # what else lies in a store is somebody's, and clearing up leaves it alone
BOOT = Path("/proc/sys/kernel/random/boot_id")
OLD_DRAFT = 14 * 86400.0  # seconds without a change: whoever has not gone on with it by then will not
THIS_PROCESS = uuid.uuid4().hex


class GarbageCandidate(NamedTuple):
    """Something that clearing up would remove."""

    address: str
    bytes: int
    stage: str
    key: str
    """together the lock that has to be free"""
    names: tuple[str, ...] = ()
    """the objects, in an object store"""
    version: str = ""
    """the manifest that was there when it was looked at, by its ETag"""


class LocalBackend:
    """`<root>/<stage>/<key>/`, drafts beside them, one lock a key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = str(root)

    def read(self, name: str) -> bytes | None:
        """A small file; None when there is none."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def read_all(self, names: list[str]) -> list[bytes | None]:
        """The same for several."""
        return [self.read(name) for name in names]

    def write(self, name: str, data: bytes) -> None:
        """Write a small file so that it is there whole or not at all."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        temporary.write_bytes(data)
        commit_file(temporary, path)

    def write_format_marker(self, data: bytes) -> None:
        """Write the store's format, once."""
        if self.read(FORMAT_MARKER) is None:
            self.write(FORMAT_MARKER, data)
        elif not os.access(self.root, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.root))

    def manifests(self, stage: str | None = None) -> list[str]:
        """The names of all manifests, or of one stage's."""
        paths = sorted(self.root.glob(f"{stage or '*'}/*/{MANIFEST_NAME}"))
        return [path.relative_to(self.root).as_posix() for path in paths if path.parts[-2][0] != "."]

    def records(self, kind: str) -> list[str]:
        """The names of the small files of a kind, such as runs, in the order of their names."""
        return [f"{kind}/{path.name}" for path in sorted((self.root / kind).glob("*.json"))]

    def path(self, stage: str, key: str) -> Path:
        """Where the artifact is or will be."""
        return self.root / stage / key

    def fetch(self, manifest: Manifest, *_: str) -> Path:
        """The artifact's folder."""
        return self.path(manifest.stage, manifest.key)

    def find_problems(self, manifest: Manifest, *, full: bool) -> list[str]:
        """What is wrong with an artifact's files, a sentence each."""
        return find_problems(self.path(manifest.stage, manifest.key), manifest, full=full)

    def _lock_file(self, stage: str, key: str) -> Path:
        return self.root / ".locks" / f"{stage}-{key}"

    @contextlib.contextmanager
    def lock(self, stage: str, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold a key alone; yields whether it is held, which without `wait` may be false.

        The kernel lets go of it when the holder dies, however it dies.
        """
        path = self._lock_file(stage, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                log.info("%s %s: another run is at it; waiting for it", stage, key)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield True

    def lock_identity(self, stage: str, key: str) -> str:
        """Names the very lock that `lock` holds: this file, on this machine, since it was started."""
        seen = self._lock_file(stage, key).stat()
        boot = BOOT.read_text().strip() if BOOT.exists() else THIS_PROCESS
        return f"{boot}-{seen.st_dev}-{seen.st_ino}"

    def draft_path(self, stage: str, key: str) -> Path:
        """Where a stage builds before it publishes."""
        return self.root / stage / f".draft-{key}"

    def draft(self, stage: str, key: str, lineage: list[Counts]) -> Draft:
        """The draft of an artifact, with what an earlier, interrupted run finished. Hold the lock."""
        path = self.draft_path(stage, key)
        (path / MANIFEST_NAME).unlink(missing_ok=True)  # written just before a kill; it is written again at the end
        return Draft(path, lineage)

    def publish(self, draft: Draft, manifest: Manifest) -> Manifest:
        """Make a finished draft the artifact: its manifest last, then one rename. Hold the lock.

        When the artifact is there already with the same bytes, it stays untouched, since others may be reading it.
        """
        target = self.path(manifest.stage, manifest.key)
        before = Manifest.read(self.read(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}"))
        if before is not None and before.files == manifest.files and not self.find_problems(before, full=True):
            self.write(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}", manifest.as_json)
            shutil.rmtree(draft.path)
        else:
            self.write(str(draft.path.relative_to(self.root) / MANIFEST_NAME), manifest.as_json)
            replace_folder(draft.path, target)
        return manifest

    def find_garbage(
        self, keep: Collection[tuple[str, str]], *, drafts: bool, copies: bool = False
    ) -> Iterator[GarbageCandidate]:
        """What clearing up would remove: all but the artifacts to keep, by stage and key. Here are no `copies`.

        Without `drafts` only those go that nobody went on with for OLD_DRAFT.
        """
        del copies
        for folder in sorted(path for path in self.root.glob("*/*") if path.is_dir() and path.parent.name[0] != "."):
            stage, name = folder.parent.name, folder.name
            if name.startswith(".old-"):
                key = name.removeprefix(".old-").rpartition("-")[0]
            elif name.startswith(".draft-"):
                key = name.removeprefix(".draft-") if drafts or is_old(folder) else ""
            else:
                key = name if KEY.fullmatch(name) and (stage, name) not in keep else ""
            if key:
                num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                yield GarbageCandidate(str(folder), num_bytes, stage, key)

    def remove(self, what: GarbageCandidate) -> bool:
        """Remove it unless a run holds its lock; whether it was removed."""
        with self.lock(what.stage, what.key, wait=False) as held:
            if held:
                shutil.rmtree(what.address)
        return held


def is_old(draft: Path) -> bool:
    """Whether nothing in a draft changed for OLD_DRAFT."""
    since = time.time() - OLD_DRAFT
    return all(path.stat().st_mtime < since for path in itertools.chain([draft], draft.rglob("*")))


def replace_folder(source: Path, target: Path) -> None:
    """Put a folder in the place of another. What was there is removed only when the new one stands."""
    old = target.with_name(f".old-{target.name}-{uuid.uuid4().hex[:8]}")
    if target.exists():
        target.rename(old)
    source.rename(target)
    fsync_path(target.parent)
    shutil.rmtree(old, ignore_errors=True)
    for leftover in target.glob(".*"):  # the draft's working state; harmless when a kill leaves it
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
