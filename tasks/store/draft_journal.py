"""The journal of a draft: a line for each finished shard, with its counts and the sha256 of its files.

Lines of an earlier version name no files: their shards are used unchecked.
"""

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tasks.runtime.content_digest import hash_file, hash_files_once
from tasks.runtime.progress import log
from tasks.store.checksum import format_line, parse_line
from tasks.store.manifest import ArtifactFile

Counts = dict[str, Any]
JOURNAL_NAME = ".journal.jsonl"


def describe_shard_file(folder: Path, name: str) -> ArtifactFile:
    """Describe a file that a shard wrote. Its rows are unknown: it may be a working file of any format."""
    path = folder / name
    return ArtifactFile(path=name, bytes=path.stat().st_size, rows=None, sha256=hash_file(path, "sha256").hex())


class DraftJournal:
    """The finished shards of a draft, in this run and in interrupted ones.

    A shard of an interrupted run whose files are not those that it wrote does not count as finished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / JOURNAL_NAME
        self.counts: dict[str, Counts] = {}
        """finished shard → its counts"""
        files: dict[str, list[ArtifactFile]] = {}
        for entry in self._read_lines():
            name = entry["shard"]
            # the order of the journal: when a shard ran twice, its last line counts
            files.pop(name, None)
            files[name] = [ArtifactFile(**file) for file in entry.get("files", ())]
            self.counts[name] = entry["counts"]
        self._drop_corrupt(files)

    def _read_lines(self) -> Iterator[dict[str, Any]]:
        lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
        for line in lines:
            # a kill may cut the last line off, and a bit may flip: that shard runs again
            with contextlib.suppress(ValueError):
                entry = parse_line(line)
                if "shard" in entry and "counts" in entry:
                    yield entry

    def _drop_corrupt(self, files: dict[str, list[ArtifactFile]]) -> None:
        # where two shards wrote the same file, the later one's is in the draft
        owners = {file.path: (name, file) for name, shard_files in files.items() for file in shard_files}
        corrupt = {owners[path][0]: path for path in self._find_corrupt([file for _, file in owners.values()])}
        for name in corrupt:
            del self.counts[name]
        if corrupt:
            shards = "a finished shard is" if len(corrupt) == 1 else f"{len(corrupt)} finished shards are"
            log.warning("%s built again: %s is corrupt or missing", shards, self.folder / next(iter(corrupt.values())))

    def _find_corrupt(self, files: Collection[ArtifactFile]) -> Iterator[str]:
        complete = []
        for file in files:
            path = self.folder / file.path
            if path.is_file() and path.stat().st_size == file.bytes:
                complete.append(file)
            else:
                yield file.path
        # by the same function as `publish`, which then does not read these files a second time
        digests = hash_files_once([self.folder / file.path for file in complete], "sha256")
        for file, digest in zip(complete, digests, strict=True):
            if digest.hex() != file.sha256:
                yield file.path

    def record(self, name: str, counts: Counts, files: Collection[ArtifactFile]) -> None:
        """Add a finished shard; it is on disk when this returns."""
        entry = {"shard": name, "counts": counts, "files": [file.model_dump() for file in files]}
        with self.path.open("ab") as journal:
            # begin with the line break: a line that a kill cut off has none, and this entry must not continue it
            journal.write(b"\n" * (journal.tell() > 0) + format_line(entry))
            journal.flush()
            os.fsync(journal.fileno())
        self.counts[name] = counts
