"""A store in a local folder: its files are written, locked, checked and removed here."""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from tasks.runtime.progress import log
from tasks.store.damage import MARK_NAME, mark_name, parse_mark
from tasks.store.draft import Draft, commit_file, fsync_path, remove_folder
from tasks.store.draft_journal import Counts
from tasks.store.garbage import REPLACED, GarbageCandidate, find_local_garbage, is_restorable
from tasks.store.manifest import MANIFEST_NAME, Manifest, find_file_problems

FORMAT_MARKER = "store.json"  # names the format of the store
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Stands in for the boot id where there is none: then a lock is recognised by this process alone.
THIS_PROCESS = uuid.uuid4().hex


class LocalBackend:
    """Artifacts in `<root>/<stage>/<key>/`, with drafts beside them and one lock per key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = str(root)

    def read(self, name: str) -> bytes | None:
        """Read a small file; None when it does not exist."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def read_all(self, names: list[str]) -> list[bytes | None]:
        """Read several small files; None for each that does not exist."""
        return [self.read(name) for name in names]

    def write(self, name: str, data: bytes) -> None:
        """Write a small file atomically: it is complete or absent."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        temporary.write_bytes(data)
        commit_file(temporary, path)

    def write_format_marker(self, data: bytes) -> None:
        """Write the marker of the store's format, unless it exists. Raises OSError where the store is read-only."""
        if self.read(FORMAT_MARKER) is None:
            self.write(FORMAT_MARKER, data)
        elif not os.access(self.root, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.root))

    def manifests(self, stage: str | None = None) -> list[str]:
        """List the names of all manifests, or of one stage's."""
        paths = sorted(self.root.glob(f"{stage or '*'}/*/{MANIFEST_NAME}"))
        return [path.relative_to(self.root).as_posix() for path in paths if path.parts[-2][0] != "."]

    def records(self, kind: str) -> list[str]:
        """List the small files of a kind, such as `runs`, in the order of their names."""
        return [f"{kind}/{path.name}" for path in sorted((self.root / kind).glob("*.json"))]

    def remove_record(self, name: str) -> None:
        """Remove a small file."""
        (self.root / name).unlink(missing_ok=True)

    def path(self, stage: str, key: str) -> Path:
        """Return the folder where the artifact is or will be."""
        return self.root / stage / key

    def fetch(self, manifest: Manifest, *_: str) -> Path:
        """Return the artifact's folder; locally there is nothing to fetch."""
        return self.path(manifest.stage, manifest.key)

    def find_file_problems(self, manifest: Manifest, *, full: bool) -> dict[str, str]:
        """Return what is wrong with an artifact's files: path → a sentence; with `full`, hash all, else marked ones.

        Under an empty path stands why the artifact itself is suspect.
        """
        mark = parse_mark(self.read(mark_name(manifest.stage, manifest.key)))
        folder = self.path(manifest.stage, manifest.key)
        problems = find_file_problems(folder, manifest, lambda path: full or mark.covers(path))
        return problems | ({"": mark.suspect} if mark.suspect else {})

    def _lock_file(self, stage: str, key: str) -> Path:
        return self.root / ".locks" / f"{stage}-{key}"

    @contextlib.contextmanager
    def lock(self, stage: str, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of a key; yields whether it is held, which without `wait` may be False.

        The kernel releases it when its holder dies, however it dies.
        """
        path = self._lock_file(stage, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file is never removed: one process could hold the lock of the removed file, another that of its successor.
        with path.open("w") as file:
            try:
                # flock belongs to the open file, so it ends when the file is closed, by the kernel if need be
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                log.info("%s %s: locked by another run; waiting", stage, key)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield True

    def lock_id(self, stage: str, key: str) -> str:
        """Identify the lock that `lock` holds: this file, on this machine, since it was booted."""
        lock_stat = self._lock_file(stage, key).stat()
        # The boot id tells this machine from others, whose files may have the same numbers.
        boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else THIS_PROCESS
        return f"{boot}-{lock_stat.st_dev}-{lock_stat.st_ino}"

    def draft_path(self, stage: str, key: str) -> Path:
        """Return the folder in which a stage builds before it publishes."""
        return self.root / stage / f".draft-{key}"

    def draft(self, stage: str, key: str, lineage: list[Counts]) -> Draft:
        """Open the draft of an artifact, with its finished shards. The caller must hold the lock."""
        path = self.draft_path(stage, key)
        # a run that was killed just before its last rename has left its manifest here; a new one is written at the end
        (path / MANIFEST_NAME).unlink(missing_ok=True)
        return Draft(path, lineage)

    def publish(self, draft: Draft, manifest: Manifest) -> Manifest:
        """Turn a finished draft into the artifact: its manifest last, then one rename. The caller must hold the lock.

        An artifact that already exists with the same bytes is left in place, since others may be reading it.
        """
        target = self.path(manifest.stage, manifest.key)
        previous = Manifest.read(self.read(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}"))
        is_same = previous is not None and previous.files == manifest.files
        if is_same and not find_file_problems(target, manifest, lambda _: True):
            # the bytes are the same; times, counts and versions of the code are those of this build
            self.write(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}", manifest.as_json)
            (target / MARK_NAME).unlink(missing_ok=True)
            remove_folder(draft.path)
        else:
            # into the draft, so that one rename makes the files and the manifest appear together
            self.write(str(draft.path.relative_to(self.root) / MANIFEST_NAME), manifest.as_json)
            replace_folder(draft.path, target)
        return manifest

    def restore_replaced(self, stage: str, key: str) -> None:
        """Put back the artifact that a kill left under another name while it was replaced. The caller holds the lock.

        What could not be had again, such as pages of a site that has changed, must not be lost with it.
        """
        target = self.path(stage, key)
        for folder in sorted(self.root.glob(f"{stage}/{REPLACED}{key}-*")):
            if is_restorable(folder, target):
                log.warning("%s %s: put back, since the build that replaced it was interrupted", stage, key)
                folder.rename(target)
                fsync_path(target.parent)

    def find_garbage(
        self, keep: Collection[tuple[str, str]], *, drafts: bool, copies: bool = False
    ) -> Iterator[GarbageCandidate]:
        """Yield all but the artifacts to keep, by stage and key. A local store has no `copies`.

        Without `drafts`, only drafts are included that were not changed for OLD_DRAFT_SECONDS.
        """
        del copies
        return find_local_garbage(self.root, keep, drafts=drafts)

    def remove(self, candidate: GarbageCandidate) -> bool:
        """Remove a candidate unless a run holds its lock; return whether it was removed."""
        path = Path(candidate.address)
        with self.lock(candidate.stage, candidate.key, wait=False) as held:
            if held and path.is_dir():
                remove_folder(path)
            elif held:
                path.unlink(missing_ok=True)
        return held


def replace_folder(source: Path, target: Path) -> None:
    """Replace a folder by another. The old one is removed only after the new one is in place."""
    old = target.with_name(f"{REPLACED}{target.name}-{uuid.uuid4().hex[:8]}")
    if target.exists():
        # A folder that is not empty cannot be replaced by a rename. After a kill between the two renames
        # `restore_replaced` undoes the first, and the draft, which is still there, is continued.
        target.rename(old)
    source.rename(target)
    fsync_path(target.parent)
    remove_folder(old)
    for leftover in target.glob(".*"):  # working state of the draft; where a kill leaves it, `gc` removes it
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
