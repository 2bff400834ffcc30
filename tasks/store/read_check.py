"""Hashes the files of artifacts before they are read.

A build reads only what it, or the build that wrote it, hashed in the same process. A file that rotted on its disk looks
unchanged, so what was remembered in earlier processes is trusted only by commands that show something.
"""

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import ChangedInput
from tasks.runtime.content_digest import (
    FileState,
    get_file_state,
    hash_file,
    hash_files_cached,
    hash_files_once,
)
from tasks.store.manifest import ArtifactFile, Manifest


@dataclass
class InputReads:
    """Content of other artifacts that a build has read, and that was as their manifests say."""

    digests: dict[str, str] = field(default_factory=dict)
    """key of an artifact → digest of the content that was read"""
    states: dict[Path, tuple[FileState, str]] = field(default_factory=dict)
    """file → its state when it was hashed, and its sha256"""

    def check_unchanged(self) -> None:
        """Raise ChangedInput when a file was written to since it was hashed, and has other content now."""
        for path, (state, sha256) in self.states.items():
            # a file that is gone could be read, or the build would have failed
            if path.exists() and get_file_state(path) != state and hash_file(path, "sha256").hex() != sha256:
                raise ChangedInput(f"{path} was changed while it was read", "Start the same command again")


_reads: ContextVar[InputReads | None] = ContextVar("reads", default=None)


def advise_rebuild(stage: str) -> str:
    """Say what to do about a corrupt artifact of a stage."""
    return (
        f"The artifact does not count as built any more: textmill run builds it again, alone textmill run {stage}, "
        "both with the recipe that it was built with. textmill verify --full looks for other damage"
    )


@contextlib.contextmanager
def record_reads() -> Iterator[InputReads]:
    """Record what is read within the block, and trust no hash of an earlier process."""
    reads = InputReads()
    token = _reads.set(reads)
    try:
        yield reads
    finally:
        _reads.reset(token)


def find_corrupt_files(folder: Path, manifest: Manifest, files: Iterable[ArtifactFile]) -> dict[str, str]:
    """Hash files of an artifact, and return what is wrong with them: path → the end of a sentence.

    Within `record_reads`, the files that are right are recorded.
    """
    problems: dict[str, str] = {}
    complete: list[ArtifactFile] = []
    for file in files:
        path = folder / file.path
        if not path.is_file():
            problems[file.path] = "is missing"
        elif path.stat().st_size != file.bytes:
            problems[file.path] = f"is corrupt: {path.stat().st_size:,} bytes where the manifest says {file.bytes:,}"
        else:
            complete.append(file)
    reads = _reads.get()
    paths = [folder / file.path for file in complete]
    states = [get_file_state(path) for path in paths]
    hashes = (hash_files_once if reads else hash_files_cached)(paths, "sha256")
    for file, path, state, digest in zip(complete, paths, states, hashes, strict=True):
        if digest.hex() != file.sha256:
            problems[file.path] = "is corrupt: its sha256 is not the manifest's"
        elif reads is not None:
            reads.states[path] = (state, file.sha256)
    if reads is not None and not problems:
        reads.digests[manifest.key] = manifest.digest
    return problems
