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
from tasks.bucket import Bucket
from tasks.draft import Draft
from tasks.failure import MENDS, BadSetting, StageFailure
from tasks.folder import MARK, Folder, Removable
from tasks.manifest import FORMAT, NAME, Best, Input, Manifest, Run, Wanted, described, digest_of, packages
from tasks.objects import SCHEME
from tasks.progress import log


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
        return self.part("")

    def part(self, *beginnings: str) -> Path:
        """The same, but it may hold only those files whose names begin so: `part("summary.md", "documents/")`."""
        if not self.path.startswith(SCHEME):
            return Path(self.path)
        folder = copied(self.path, self.digest, beginnings)
        if not folder.exists():  # the copies were cleared meanwhile
            copied.cache_clear()
            folder = copied(self.path, self.digest, beginnings)
        return folder

    @property
    def as_input(self) -> Input:
        """How a manifest names it."""
        return Input(stage=self.stage, key=self.key, digest=self.digest)


class Store:
    """All artifacts below one address: a folder, or s3://bucket/prefix."""

    def __init__(self, address: str | Path) -> None:
        self.place = place_at(str(address))
        self.address = self.place.address
        self.root = self.place.root
        """the folder of this machine where drafts, and the copies of what an object store holds, are"""
        self._refuse_newer()

    @classmethod
    def current(cls) -> "Store":
        """The store that `TEXTMILL_STORE` names, else the folder `store` below the working directory."""
        return cls(os.environ.get("TEXTMILL_STORE") or "store")

    def _refuse_newer(self) -> None:
        mark = self.place.read(MARK)
        try:
            written = int(json.loads(mark)["format"]) if mark is not None else FORMAT
        except (ValueError, KeyError, TypeError) as error:
            raise StageFailure(f"{self.address}/{MARK} does not name its format", "Restore or remove it") from error
        if written > FORMAT:
            raise StageFailure(
                f"the store {self.address} was written by a newer version (format {written}, this one reads {FORMAT})",
                "Upgrade Textmill, or choose another folder with --store",
            )

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The artifact's manifest; None when there is no such artifact or its manifest cannot be read."""
        name = f"{stage}/{key}/{NAME}"
        return self._readable(name, self.place.read(name))

    def manifests(self, stage: str | None = None) -> list[Manifest]:
        """All manifests, of one stage or of all, oldest first."""
        names = self.place.manifests(stage)
        found = [self._readable(name, data) for name, data in zip(names, self.place.read_all(names), strict=True)]
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

    def problems(self, manifest: Manifest, *, full: bool = False) -> list[str]:
        """What is wrong with an artifact's files, a sentence each."""
        return self.place.problems(manifest, full=full)

    def verified(self, stage: str, key: str) -> Artifact | None:
        """The artifact when it is whole; None, with a warning that names the file, when it has to be built again."""
        manifest = self.manifest(stage, key)
        if manifest is None:
            return None
        found = self.problems(manifest)
        for problem in found:
            log.warning("%s: %s; it is built again", stage, problem)
        return None if found else self.artifact(manifest)

    def newest(self) -> dict[str, Artifact]:
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

    def lineage(self, inputs: tuple[Input, ...]) -> list[Manifest]:
        """The manifests of inputs and of all that they were made from, sources first."""
        found: dict[str, Manifest] = {}
        for each in inputs:
            manifest = self.manifest(each.stage, each.key)
            if manifest is not None:
                found |= {older.key: older for older in self.lineage(manifest.inputs)} | {manifest.key: manifest}
        return list(found.values())

    def lock(self, stage: str, key: str) -> AbstractContextManager[bool]:
        """Hold a key alone. It becomes free when its holder dies, however it dies."""
        return self.place.lock(stage, key)

    def draft(self, stage: str, key: str, inputs: tuple[Input, ...] = ()) -> Draft:
        """The draft of an artifact, with what an earlier, interrupted run finished. Hold the lock."""
        self._mark()
        # with their addresses: a report may show what its ancestors explain, which no input's digest covers
        lineage = [each.model_dump(mode="json") | {"path": self.artifact(each).path} for each in self.lineage(inputs)]
        return self.place.draft(stage, key, lineage)

    def prepare(self) -> None:
        """Raise StageFailure now where the first thing to be written would fail."""
        try:
            self._mark()
        except OSError as error:
            mend = MENDS.get(error.errno or 0, "Choose another folder with --store or TEXTMILL_STORE")
            raise StageFailure(f"the store {self.address} cannot be written to ({error})", mend) from error

    def _mark(self) -> None:
        self.place.mark(json.dumps({"format": FORMAT}).encode())

    def publish(self, wanted: Wanted, draft: Draft, started: float) -> Artifact:
        """Make a finished draft the artifact. Hold the lock."""
        files = described(draft.path)
        finished = time.time()
        manifest = Manifest(
            **wanted.model_dump(),
            key=wanted.wanted_key,
            digest=digest_of(files),
            files=files,
            counts=draft.counts,
            started=timestamp(started),
            finished=timestamp(finished),
            seconds=round(finished - started, 3),
            host=socket.gethostname(),
            packages=packages(),
        )
        return self.artifact(self.place.publish(draft, manifest))

    def removable(self, needed: Iterable[Input], *, drafts: bool, copies: bool = False) -> Iterator[Removable]:
        """What clearing up would remove: all but what is needed and what that was made from.

        With `drafts` also what interrupted runs can go on from, with `copies` also what was fetched to this machine.
        """
        roots = tuple(needed)
        keep = {(each.stage, each.key) for each in roots} | {(each.stage, each.key) for each in self.lineage(roots)}
        return self.place.removable(keep, drafts=drafts, copies=copies)

    def remove(self, what: Removable) -> bool:
        """Remove it unless a run holds it; whether it was removed."""
        return self.place.remove(what)

    def record_run(self, recipe: dict[str, Any], artifacts: list[Artifact]) -> None:
        """Remember what a pipeline run ended with, so that clearing up keeps it."""
        self._mark()
        finished = timestamp(time.time())
        run = Run(finished=finished, recipe=recipe, artifacts=tuple(each.as_input for each in artifacts))
        name = f"runs/{finished.replace(':', '')}-{uuid.uuid4().hex[:6]}.json"
        self.place.write(name, run.model_dump_json(indent=1).encode())

    def runs(self) -> list[Run]:
        """The pipeline runs that finished, oldest first."""
        found = self.place.read_all(self.place.records("runs"))
        return [Run.model_validate_json(data) for data in found if data is not None]

    def best(self, corpus: str) -> Best | None:
        """What the name `best` of a corpus stands for, of the empty name: of runs without a corpus."""
        data = self.place.read(f"best/{link(corpus)}.json")
        return Best.model_validate_json(data) if data is not None else None

    def set_best(self, best: Best) -> None:
        """Let the name `best` of a corpus stand for this. Hold the lock ("best", link(corpus))."""
        self._mark()
        self.place.write(f"best/{link(best.corpus)}.json", best.model_dump_json(indent=1).encode())

    def bests(self) -> list[Best]:
        """The same of every corpus that has one."""
        found = self.place.read_all(self.place.records("best"))
        return [Best.model_validate_json(data) for data in found if data is not None]


def link(corpus: str) -> str:
    """How the files and locks of a corpus are called: any name as that of a file."""
    return quote(corpus, safe="") or "@alone"  # which no quoted name can be


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC; sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def place_at(address: str) -> Folder | Bucket:
    """Where the artifacts of a store are. Raises StageFailure."""
    if address.startswith(SCHEME):
        return Bucket(address)
    if re.match(r"[a-z0-9+]+://", address) and not address.startswith("file://"):
        mend = "Give a folder or s3://bucket/prefix with --store or TEXTMILL_STORE"
        raise BadSetting(f"the store {address} is not a folder, and not s3://", mend)
    root = Path(address.removeprefix("file://")).expanduser().absolute()
    there = next(path for path in (root, *root.parents) if path.exists())
    if not there.is_dir():
        what = f"the store {root} is not a folder" if there == root else f"the store {root} lies below {there}, a file"
        raise BadSetting(what, "Give a folder with --store or TEXTMILL_STORE")
    return Folder(root)


@lru_cache
def copied(path: str, digest: str, beginnings: tuple[str, ...]) -> Path:
    """This machine's folder with files of an artifact in an object store. Raises StageFailure."""
    address, stage, key = path.rsplit("/", 2)
    bucket = Bucket(address)
    manifest = Manifest.read(bucket.read(f"{stage}/{key}/{NAME}"))
    if manifest is None or manifest.digest != digest:
        gone = "is not there any more" if manifest is None else "was built again with other bytes"
        raise StageFailure(f"{path} {gone}", "Start the same command again")
    return bucket.fetched(manifest, *beginnings)
