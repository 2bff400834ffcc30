"""Marks of damage beside an artifact's manifest: files that were found corrupt though their sizes are right.

Whoever asks for the artifact hashes the marked files again, so a mark is never wrong: when a file was restored, the
artifact counts as built again. A mark goes when the artifact is built again.
"""

import contextlib
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from pydantic import BaseModel

from tasks.errors import StageFailure
from tasks.runtime.progress import log
from tasks.store.checksum import format_record, parse_record
from tasks.store.manifest import ArtifactRef, Manifest

MARK_NAME = ".corrupt.json"
ALL_FILES = "*"


class SmallFiles(Protocol):
    """The small files of a store's back end."""

    address: str

    def read(self, name: str) -> bytes | None:
        """Read a small file; None when it does not exist."""

    def read_all(self, names: list[str]) -> list[bytes | None]:
        """Read several small files; None for each that does not exist."""

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""

    def manifests(self, stage: str | None = None) -> list[str]:
        """List the names of all manifests, or of one stage's."""


class DamageMark(BaseModel, frozen=True):
    """Damage that was found in an artifact."""

    files: tuple[str, ...] = ()
    """paths of files that were corrupt; ALL_FILES stands for every file"""
    suspect: str = ""
    """why the artifact itself may be wrong: it was built from a corrupt input; empty when it was not"""

    def covers(self, path: str) -> bool:
        """Tell whether a file must be hashed before the artifact counts as built."""
        return path in self.files or ALL_FILES in self.files


def parse_mark(data: bytes | None) -> DamageMark:
    """Parse a mark; none is an empty one, and a corrupt one covers every file."""
    try:
        return parse_record(DamageMark, data) if data is not None else DamageMark()
    except ValueError:
        return DamageMark(files=(ALL_FILES,))


def list_marked(files: SmallFiles, manifests: list[Manifest]) -> set[tuple[str, str]]:
    """List stage and key of the artifacts whose mark says that they are corrupt or suspect."""
    marks = files.read_all([mark_name(manifest.stage, manifest.key) for manifest in manifests])
    return {
        (manifest.stage, manifest.key)
        for manifest, mark in zip(manifests, map(parse_mark, marks), strict=True)
        if mark.files or mark.suspect
    }


def mark_corrupt(files: SmallFiles, manifest: Manifest, paths: Collection[str]) -> None:
    """Mark files of an artifact as corrupt, and what was built from it without a check of its input as suspect."""
    try:
        _update_mark(files, manifest.stage, manifest.key, paths=paths)
        source = f"{manifest.stage} {manifest.key}"
        for child in find_children(read_manifests(files), manifest):
            if child.read_digests is None:
                reason = f"{child.stage} {child.key} may have been built from a corrupt file of {source}"
                _update_mark(files, child.stage, child.key, suspect=reason)
    except (OSError, StageFailure) as error:  # a store that is only readable
        log.warning("%s %s cannot be marked as corrupt: %s", manifest.stage, manifest.key, error)


def update_mark(files: SmallFiles, manifest: Manifest, corrupt_paths: Collection[str]) -> None:
    """Make an artifact's mark say what a full check has found."""
    mark = parse_mark(files.read(mark_name(manifest.stage, manifest.key)))
    if corrupt_paths:
        mark_corrupt(files, manifest, corrupt_paths)
    elif mark.files:
        with contextlib.suppress(OSError, StageFailure):  # the mark only costs time: its files are hashed each time
            _write_mark(files, manifest.stage, manifest.key, mark.model_copy(update={"files": ()}))


def _update_mark(files: SmallFiles, stage: str, key: str, *, paths: Collection[str] = (), suspect: str = "") -> None:
    mark = parse_mark(files.read(mark_name(stage, key)))
    updated = DamageMark(files=tuple(sorted({*mark.files, *paths})), suspect=suspect or mark.suspect)
    if updated != mark:
        _write_mark(files, stage, key, updated)


def _write_mark(files: SmallFiles, stage: str, key: str, mark: DamageMark) -> None:
    files.write(mark_name(stage, key), format_record(mark))


def mark_name(stage: str, key: str) -> str:
    """Return the name of an artifact's mark in its store."""
    return f"{stage}/{key}/{MARK_NAME}"


def read_manifests(files: SmallFiles) -> list[Manifest]:
    """Read all manifests that are not corrupt."""
    manifests = map(Manifest.read, files.read_all(files.manifests()))
    return [manifest for manifest in manifests if manifest is not None]


def find_children(manifests: Iterable[Manifest], parent: Manifest | ArtifactRef) -> Iterator[Manifest]:
    """Find the artifacts that were built from these bytes of an artifact."""
    for manifest in manifests:
        if any(
            (ref.stage, ref.key, ref.digest) == (parent.stage, parent.key, parent.digest) for ref in manifest.inputs
        ):
            yield manifest


def find_descendants(manifests: Collection[Manifest], ancestor: Manifest) -> list[Manifest]:
    """Find all that was built from an artifact, directly or not, in the order of the stages."""
    descendants: dict[str, Manifest] = {}
    parents = [ancestor]
    while parents:
        children = list(find_children(manifests, parents.pop(0)))
        parents += [child for child in children if child.key not in descendants]
        descendants |= {child.key: child for child in children}
    return list(descendants.values())
