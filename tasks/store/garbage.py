"""Finds what garbage collection removes from a folder: artifacts that nothing needs, old drafts, leftovers of kills."""

import itertools
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.store.damage import MARK_NAME
from tasks.store.draft import REMOVED
from tasks.store.manifest import MANIFEST_NAME, Manifest, find_file_problems

KEY = re.compile(r"[0-9a-f]{16}")  # any other name is not ours: garbage collection leaves it alone
REPLACED = ".old-"  # .old-KEY-SUFFIX: an artifact while it is replaced
DRAFT = ".draft-"
PARTIAL_DOWNLOADS = ".fetching"  # in an artifact's cache folder: downloads that are not complete
TEMPORARY_FILE = re.compile(r"\..+\.[0-9a-f]{8}")  # of a small file that was being written
OLD_DRAFT_SECONDS = 14 * 86400.0  # a draft without a change for so long is not resumed any more
OLD_FILE_SECONDS = 3600.0  # a small file is written in less


class GarbageCandidate(NamedTuple):
    """A folder, a file, or objects, that garbage collection would remove."""

    address: str
    bytes: int
    stage: str
    key: str
    """stage and key name the lock that must be free"""
    names: tuple[str, ...] = ()
    """names of the objects, in an object store"""
    version: str = ""
    """ETag of the manifest that was there when the candidate was found"""
    is_artifact: bool = False
    """it is all of an artifact, and not a draft or a leftover"""
    upload_id: str = ""
    """of an upload that was not finished, in an object store"""


def find_local_garbage(root: Path, keep: Collection[tuple[str, str]], *, drafts: bool) -> Iterator[GarbageCandidate]:
    """Yield what can be removed below the folder of a store. See `LocalBackend.find_garbage`."""
    for folder in sorted(path for path in root.glob("*/*") if path.is_dir() and path.parent.name[0] != "."):
        stage, name = folder.parent.name, folder.name
        key = name
        is_garbage = bool(KEY.fullmatch(name)) and (stage, name) not in keep
        if name.startswith((REMOVED, REPLACED)):
            key = name.removeprefix(REMOVED).removeprefix(REPLACED).rpartition("-")[0]
            is_garbage = drafts or not (name.startswith(REPLACED) and is_restorable(folder, folder.parent / key))
        elif name.startswith(DRAFT):
            key = name.removeprefix(DRAFT)
            is_garbage = drafts or is_abandoned(folder) or is_published(folder, folder.parent / key)
        if is_garbage:
            yield GarbageCandidate(str(folder), measure_size(folder), stage, key, is_artifact=name == key)
        elif KEY.fullmatch(name):
            yield from find_leftovers(folder)
    yield from find_temporary_files(root)


def find_leftovers(artifact: Path) -> Iterator[GarbageCandidate]:
    """Yield the working state of a draft that a kill left in an artifact just after it was published."""
    for path in sorted(artifact.glob(".*")):
        if MARK_NAME not in path.name and path.name != PARTIAL_DOWNLOADS:
            yield GarbageCandidate(str(path), measure_size(path), artifact.parent.name, artifact.name)


def find_temporary_files(root: Path) -> Iterator[GarbageCandidate]:
    """Yield what a kill left of small files that were being written, at the top of a store and among its records."""
    newest_allowed = time.time() - OLD_FILE_SECONDS
    for path in sorted(path for folder in (".", "runs", "best") for path in root.glob(f"{folder}/.*")):
        if TEMPORARY_FILE.fullmatch(path.name) and path.is_file() and path.stat().st_mtime < newest_allowed:
            yield GarbageCandidate(str(path), path.stat().st_size, "temporary", "files")


def measure_size(path: Path) -> int:
    """Return the size of a file, or of all files below a folder, in bytes."""
    return sum(file.stat().st_size for file in itertools.chain([path], path.rglob("*")) if file.is_file())


def is_abandoned(draft: Path) -> bool:
    """Tell whether nothing in a draft changed for OLD_DRAFT_SECONDS."""
    oldest_allowed = time.time() - OLD_DRAFT_SECONDS
    return all(path.stat().st_mtime < oldest_allowed for path in itertools.chain([draft], draft.rglob("*")))


def is_published(draft: Path, artifact: Path) -> bool:
    """Tell whether a draft is what remains of one that was published: the artifact is newer than all of its files."""
    manifest = artifact / MANIFEST_NAME
    if not manifest.exists():
        return False
    published = manifest.stat().st_mtime
    return all(path.stat().st_mtime < published for path in draft.rglob("*") if path.is_file())


def is_restorable(folder: Path, target: Path) -> bool:
    """Tell whether a folder is an artifact that was about to be replaced, and has not been."""
    path = folder / MANIFEST_NAME
    manifest = Manifest.read(path.read_bytes()) if path.exists() and not target.exists() else None
    return manifest is not None and not find_file_problems(folder, manifest, lambda _: False)
