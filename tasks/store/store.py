"""The store is the truth: an artifact exists when its manifest does, and the manifest comes last.

Where the files lie, and how they come to be there, is the matter of `folder.py` and `bucket.py`.
"""

import json
import os
import re
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.block import Block
from tasks.errors import HINTS, BadSetting, StageFailure
from tasks.runtime.progress import log
from tasks.store.draft import Draft
from tasks.store.local import FORMAT_MARKER, GarbageCandidate, LocalBackend
from tasks.store.manifest import (
    FORMAT,
    MANIFEST_NAME,
    ArtifactRef,
    BestModel,
    BuildSpec,
    Manifest,
    RunRecord,
    digest_files,
    hash_files,
    package_versions,
)
from tasks.store.s3 import S3Backend
from tasks.store.s3_client import SCHEME


class Artifact(Block):
    """The handle that travels between stages."""

    stage: str
    """the stage that built it"""
    key: str
    """hash of what decides it: stage, version, settings, content of the inputs"""
    digest: str
    """hash of what is in it"""
    path: str
    """its folder, or its address in an object store"""

    @property
    def folder(self) -> Path:
        """Where its files are on this machine; from an object store they are fetched when this is first asked."""
        return self.folder_with("")

    def folder_with(self, *beginnings: str) -> Path:
        """The same, but it may hold only those files whose names begin so: `part("summary.md", "documents/")`."""
        if not self.path.startswith(SCHEME):
            return Path(self.path)
        folder = local_copy(self.path, self.digest, beginnings)
        if not folder.exists():  # the copies were cleared meanwhile
            local_copy.cache_clear()
            folder = local_copy(self.path, self.digest, beginnings)
        return folder

    @property
    def ref(self) -> ArtifactRef:
        """How a manifest names it."""
        return ArtifactRef(stage=self.stage, key=self.key, digest=self.digest)


class Store:
    """All artifacts below one address: a folder, or s3://bucket/prefix."""

    def __init__(self, address: str | Path) -> None:
        self.backend = open_backend(str(address))
        self.address = self.backend.address
        self.root = self.backend.root
        """the folder of this machine where drafts, and the copies of what an object store holds, are"""
        self._check_format()

    @classmethod
    def current(cls) -> "Store":
        """The store that `TEXTMILL_STORE` names, else the folder `store` below the working directory."""
        return cls(os.environ.get("TEXTMILL_STORE") or "store")

    def _check_format(self) -> None:
        """Raise StageFailure for a store of another format, or whose upgrade is unfinished."""
        marker = self.backend.read(FORMAT_MARKER)
        try:
            record = json.loads(marker) if marker is not None else {"format": FORMAT}
            written = int(record["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise StageFailure(
                f"{self.address}/{FORMAT_MARKER} does not name its format", "Restore or remove it"
            ) from error
        if written > FORMAT:
            raise StageFailure(
                f"the store {self.address} was written by a newer version (format {written}, this one reads {FORMAT})",
                "Upgrade Textmill, or choose another folder with --store",
            )
        if written < FORMAT:
            raise StageFailure(
                f"the store {self.address} was written by an earlier version (format {written}, this one reads "
                f"{FORMAT}), in which settings had other names",
                "Run textmill upgrade: it renames what is there, so that nothing is built again",
            )
        if "upgrade" in record:
            raise StageFailure(
                f"the upgrade of the store {self.address} was interrupted", "Run textmill upgrade again: it continues"
            )

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The artifact's manifest; None when there is no such artifact or its manifest cannot be read."""
        name = f"{stage}/{key}/{MANIFEST_NAME}"
        return self._readable(name, self.backend.read(name))

    def manifests(self, stage: str | None = None) -> list[Manifest]:
        """All manifests, of one stage or of all, oldest first."""
        names = self.backend.manifests(stage)
        found = [self._readable(name, data) for name, data in zip(names, self.backend.read_all(names), strict=True)]
        return sorted((each for each in found if each is not None), key=lambda each: each.finished)

    def _readable(self, name: str, data: bytes | None) -> Manifest | None:
        manifest = Manifest.read(data)
        if manifest is None and data is not None:
            log.warning("%s/%s is corrupt: the artifact does not count as built", self.address, name)
        return manifest

    def artifact(self, manifest: Manifest) -> Artifact:
        """The handle of what a manifest describes."""
        path = f"{self.address}/{manifest.stage}/{manifest.key}"
        return Artifact(stage=manifest.stage, key=manifest.key, digest=manifest.digest, path=path)

    def find_problems(self, manifest: Manifest, *, full: bool = False) -> list[str]:
        """What is wrong with an artifact's files, a sentence each."""
        return self.backend.find_problems(manifest, full=full)

    def get_valid(self, stage: str, key: str) -> Artifact | None:
        """The artifact when it is whole; None, with a warning that names the file, when it has to be built again."""
        manifest = self.manifest(stage, key)
        if manifest is None:
            return None
        found = self.find_problems(manifest)
        for problem in found:
            log.warning("%s: %s; it is built again", stage, problem)
        return None if found else self.artifact(manifest)

    def newest_artifacts(self) -> dict[str, Artifact]:
        """The artifact of each stage that was built last."""
        return {manifest.stage: self.artifact(manifest) for manifest in self.manifests()}

    def find(self, stage: str, key: str = "newest") -> Artifact:
        """The artifact of a stage whose key begins like this, or the one built last. Raises StageFailure."""
        matching = [each for each in self.manifests(stage) if key == "newest" or each.key.startswith(key)]
        if not matching:
            wanted = f"no {stage} artifact" + ("" if key == "newest" else f" with key {key}")
            known = ", ".join(each.key for each in self.manifests(stage)[:-6:-1]) or "none"
            raise StageFailure(
                f"{wanted} in {self.address} (newest: {known})", f"Run the {stage} stage, or see textmill ls"
            )
        if key != "newest" and len({each.key for each in matching}) > 1:
            raise StageFailure(f"several {stage} keys begin with {key}", "Give more digits")
        return self.artifact(matching[-1])

    def lineage(self, inputs: tuple[ArtifactRef, ...]) -> list[Manifest]:
        """The manifests of inputs and of all that they were made from, sources first."""
        found: dict[str, Manifest] = {}
        for each in inputs:
            manifest = self.manifest(each.stage, each.key)
            if manifest is not None:
                found |= {older.key: older for older in self.lineage(manifest.inputs)} | {manifest.key: manifest}
        return list(found.values())

    def lock(self, stage: str, key: str) -> AbstractContextManager[bool]:
        """Hold a key alone. It becomes free when its holder dies, however it dies."""
        return self.backend.lock(stage, key)

    def draft(self, stage: str, key: str, inputs: tuple[ArtifactRef, ...] = ()) -> Draft:
        """The draft of an artifact, with what an earlier, interrupted run finished. Hold the lock."""
        self._mark()
        # with their addresses: a report may show what its ancestors explain, which no input's digest covers
        lineage = [each.model_dump(mode="json") | {"path": self.artifact(each).path} for each in self.lineage(inputs)]
        return self.backend.draft(stage, key, lineage)

    def prepare(self) -> None:
        """Raise StageFailure now where the first thing to be written would fail."""
        try:
            self._mark()
        except OSError as error:
            mend = HINTS.get(error.errno or 0, "Choose another folder with --store or TEXTMILL_STORE")
            raise StageFailure(f"the store {self.address} cannot be written to ({error})", mend) from error

    def _mark(self) -> None:
        self.backend.write_format_marker(json.dumps({"format": FORMAT}).encode())

    def publish(self, wanted: BuildSpec, draft: Draft, started: float) -> Artifact:
        """Make a finished draft the artifact. Hold the lock."""
        files = hash_files(draft.path)
        finished = time.time()
        manifest = Manifest(
            **wanted.model_dump(),
            key=wanted.expected_key,
            digest=digest_files(files),
            files=files,
            counts=draft.counts,
            started=format_timestamp(started),
            finished=format_timestamp(finished),
            seconds=round(finished - started, 3),
            host=socket.gethostname(),
            packages=package_versions(),
        )
        return self.artifact(self.backend.publish(draft, manifest))

    def find_garbage(
        self, needed: Iterable[ArtifactRef], *, drafts: bool, copies: bool = False
    ) -> Iterator[GarbageCandidate]:
        """What clearing up would remove: all but what is needed and what that was made from.

        With `drafts` also what interrupted runs can go on from, with `copies` also what was fetched to this machine.
        """
        roots = tuple(needed)
        keep = {(each.stage, each.key) for each in roots} | {(each.stage, each.key) for each in self.lineage(roots)}
        return self.backend.find_garbage(keep, drafts=drafts, copies=copies)

    def remove(self, what: GarbageCandidate) -> bool:
        """Remove it unless a run holds it; whether it was removed."""
        return self.backend.remove(what)

    def record_run(self, recipe: dict[str, Any], artifacts: list[Artifact]) -> None:
        """Remember what a pipeline run ended with, so that clearing up keeps it."""
        self._mark()
        finished = format_timestamp(time.time())
        run = RunRecord(finished=finished, recipe=recipe, artifacts=tuple(each.ref for each in artifacts))
        name = f"runs/{finished.replace(':', '')}-{uuid.uuid4().hex[:6]}.json"
        self.backend.write(name, run.model_dump_json(indent=1).encode())

    def runs(self) -> list[RunRecord]:
        """The pipeline runs that finished, oldest first."""
        found = self.backend.read_all(self.backend.records("runs"))
        return [RunRecord.model_validate_json(data) for data in found if data is not None]

    def best(self, corpus: str) -> BestModel | None:
        """What the name `best` of a corpus stands for, of the empty name: of runs without a corpus."""
        data = self.backend.read(f"best/{corpus_slug(corpus)}.json")
        return BestModel.model_validate_json(data) if data is not None else None

    def set_best(self, best: BestModel) -> None:
        """Let the name `best` of a corpus stand for this. Hold the lock ("best", link(corpus))."""
        self._mark()
        self.backend.write(f"best/{corpus_slug(best.corpus)}.json", best.model_dump_json(indent=1).encode())

    def best_models(self) -> list[BestModel]:
        """The same of every corpus that has one."""
        found = self.backend.read_all(self.backend.records("best"))
        return [BestModel.model_validate_json(data) for data in found if data is not None]


def corpus_slug(corpus: str) -> str:
    """How the files and locks of a corpus are called: any name as that of a file."""
    return quote(corpus, safe="") or "@alone"  # which no quoted name can be


def format_timestamp(seconds: float) -> str:
    """ISO 8601 in UTC; sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def open_backend(address: str) -> LocalBackend | S3Backend:
    """Where the artifacts of a store are. Raises StageFailure."""
    if address.startswith(SCHEME):
        return S3Backend(address)
    if re.match(r"[a-z0-9+]+://", address) and not address.startswith("file://"):
        mend = "Give a folder or s3://bucket/prefix with --store or TEXTMILL_STORE"
        raise BadSetting(f"the store {address} is not a folder, and not s3://", mend)
    root = Path(address.removeprefix("file://")).expanduser().absolute()
    there = next(path for path in (root, *root.parents) if path.exists())
    if not there.is_dir():
        what = f"the store {root} is not a folder" if there == root else f"the store {root} lies below {there}, a file"
        raise BadSetting(what, "Give a folder with --store or TEXTMILL_STORE")
    return LocalBackend(root)


@lru_cache
def local_copy(path: str, digest: str, beginnings: tuple[str, ...]) -> Path:
    """This machine's folder with files of an artifact in an object store. Raises StageFailure."""
    address, stage, key = path.rsplit("/", 2)
    bucket = S3Backend(address)
    manifest = Manifest.read(bucket.read(f"{stage}/{key}/{MANIFEST_NAME}"))
    if manifest is None or manifest.digest != digest:
        gone = "is not there any more" if manifest is None else "was built again with other bytes"
        raise StageFailure(f"{path} {gone}", "Start the same command again")
    return bucket.fetch(manifest, *beginnings)
