"""Bringing an artifact's files into an object store, under names that nobody ever writes differently.

A file's object carries the beginning of its sha256 (`documents/00000.parquet` → `documents/00000.2c26b46b….parquet`),
so two builders never write over each other, and what is there need not be sent again.
"""

import hashlib
import json
import uuid
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from tasks.runtime.progress import log
from tasks.store.draft import PARTIAL, Counts, commit_file
from tasks.store.manifest import ArtifactFile, hash_file
from tasks.store.s3_client import Objects
from tasks.store.s3_lock import LEASE

AT_ONCE = 8  # files on their way
DIGITS = 16  # of a sha256, in an object's name
FINISHED = ".finished/"  # records of a draft's finished shards


def object_name(file: ArtifactFile) -> str:
    """`documents/00000.parquet` → `documents/00000.2c26b46b68ffc68f.parquet`."""
    path = PurePosixPath(file.path)
    return path.with_name(f"{path.stem}.{file.sha256[:DIGITS]}{path.suffix}").as_posix()


def named(folder: Path, name: str) -> ArtifactFile:
    """A file that a shard wrote. It may be a working file, of which only its maker knows how to count the rows."""
    path = folder / name
    return ArtifactFile(path=name, bytes=path.stat().st_size, rows=None, sha256=hash_file(path))


def download(objects: Objects, beginning: str, file: ArtifactFile, target: Path, aside_folder: Path) -> str:
    """Bring one file here, whole and checked or not at all; what is wrong with its object, empty when it is here.

    It comes into another folder first.
    """
    aside_folder.mkdir(parents=True, exist_ok=True)
    aside = aside_folder / uuid.uuid4().hex
    if not objects.download(beginning + object_name(file), aside):
        return "is missing"
    if aside.stat().st_size != file.bytes or hash_file(aside) != file.sha256:
        aside.unlink()
        return "is corrupt: its sha256 is not the manifest's"
    commit_file(aside, target)
    return ""


class Upload:
    """The way of one draft into an object store. Its finished shards go there at once, for other machines to go on."""

    def __init__(self, objects: Objects, beginning: str, before: str) -> None:
        self.objects, self.beginning = objects, beginning
        self.before = before  # ETag of the manifest whose place this takes; empty when there is none
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._underway: list[Future[None]] = []
        listed = objects.listed(beginning)
        self._finished = [name for name in listed if name.startswith(beginning + FINISHED)]
        # what is published already is built again because it is broken, or to be sure: all is sent
        self._there = {} if before else {name: found.size for name, found in listed.items()}

    def send(self, folder: Path, files: Iterable[ArtifactFile]) -> None:
        """Upload files of a folder that are not there yet."""
        new = [file for file in files if self._there.get(self._name(file)) != file.bytes]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda file: self.objects.upload(folder / file.path, self._name(file)), new))
        self._there |= {self._name(file): file.bytes for file in new}

    def _name(self, file: ArtifactFile) -> str:
        return self.beginning + object_name(file)

    def keep(self, folder: Path, entry: str, counts: Counts, names: list[str]) -> None:
        """Begin to upload what a finished shard wrote, and then a record of it; others are worked on meanwhile."""
        self._underway.append(self._pool.submit(self._keep, folder, entry, counts, names))

    def wait(self) -> None:
        """Until all that was begun is uploaded. Raises StageFailure."""
        underway, self._underway = self._underway, []
        for each in underway:
            each.result()

    def _keep(self, folder: Path, entry: str, counts: Counts, names: list[str]) -> None:
        files = [named(folder, name) for name in names]
        self.send(folder, files)
        record = {"shard": entry, "counts": counts, "files": [file.model_dump() for file in files]}
        name = f"{self.beginning}{FINISHED}{hashlib.sha256(entry.encode()).hexdigest()[:DIGITS]}.json"
        self.objects.write(name, json.dumps(record).encode())

    def restore_shards(self, folder: Path, known: Collection[str]) -> Iterator[tuple[str, Counts]]:
        """Bring here the shards that another machine finished: each entry and its counts, once its files are here."""
        for name in self._finished:
            record = json.loads(self.objects.read(name) or b"{}")
            if record and record["shard"] not in known:
                files = [ArtifactFile(**each) for each in record["files"]]
                if not any(self._problem(folder, file) for file in files):
                    log.info("%s: finished on another machine", record["shard"])
                    yield record["shard"], record["counts"]

    def _problem(self, folder: Path, file: ArtifactFile) -> str:
        return download(self.objects, self.beginning, file, folder / file.path, folder / PARTIAL)

    def forget(self) -> None:
        """Remove the records and the working files of finished shards; what they made is published."""
        listed = self.objects.listed(f"{self.beginning}.")
        self.objects.remove([name for name in listed if name != self.beginning + LEASE])
