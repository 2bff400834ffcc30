"""The store of artifacts: an artifact exists when its manifest does, and the manifest is written last.

How files are written and read is up to the two back ends, `local.py` and `s3.py`.
"""

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
from tasks.store.store_format import check_format, make_format_marker


class Artifact(Block):
    """A handle of an artifact, as passed between stages."""

    stage: str
    """the stage that built it"""
    key: str
    """hash of stage, version, settings and content of the inputs"""
    digest: str
    """hash of its files"""
    path: str
    """its folder, or its address on S3"""

    @property
    def folder(self) -> Path:
        """Local folder with its files; from S3 they are fetched at the first access."""
        return self.folder_with("")

    def folder_with(self, *prefixes: str) -> Path:
        """Return a local folder with at least the files that begin so: `folder_with("summary.md", "documents/")`."""
        if not self.path.startswith(SCHEME):
            return Path(self.path)
        folder = local_copy(self.path, self.digest, prefixes)
        if not folder.exists():  # garbage collection removed the copies meanwhile
            local_copy.cache_clear()
            folder = local_copy(self.path, self.digest, prefixes)
        return folder

    @property
    def ref(self) -> ArtifactRef:
        """Reference for manifests: stage, key and digest."""
        return ArtifactRef(stage=self.stage, key=self.key, digest=self.digest)


class Store:
    """The artifacts below one address: a folder, or s3://bucket/prefix."""

    def __init__(self, address: str | Path) -> None:
        self.backend = open_backend(str(address))
        self.address = self.backend.address
        self.root = self.backend.root
        """the local folder with the drafts; for a store on S3, also with the fetched copies of artifacts"""
        check_format(self.backend.read(FORMAT_MARKER), self.address)

    @classmethod
    def current(cls) -> "Store":
        """Open the store that `TEXTMILL_STORE` names, else the folder `store` in the working directory."""
        return cls(os.environ.get("TEXTMILL_STORE") or "store")

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """Read an artifact's manifest; None when the artifact does not exist or its manifest is corrupt."""
        name = f"{stage}/{key}/{MANIFEST_NAME}"
        return self._parse_manifest(name, self.backend.read(name))

    def manifests(self, stage: str | None = None) -> list[Manifest]:
        """Read all manifests, of one stage or of all, oldest first."""
        names = self.backend.manifests(stage)
        manifests = [
            self._parse_manifest(name, data) for name, data in zip(names, self.backend.read_all(names), strict=True)
        ]
        return sorted(
            (manifest for manifest in manifests if manifest is not None), key=lambda manifest: manifest.finished
        )

    def _parse_manifest(self, name: str, data: bytes | None) -> Manifest | None:
        manifest = Manifest.read(data)
        if manifest is None and data is not None:
            log.warning("%s/%s is corrupt: the artifact does not count as built", self.address, name)
        return manifest

    def artifact(self, manifest: Manifest) -> Artifact:
        """Return the handle of the artifact that a manifest describes."""
        path = f"{self.address}/{manifest.stage}/{manifest.key}"
        return Artifact(stage=manifest.stage, key=manifest.key, digest=manifest.digest, path=path)

    def find_problems(self, manifest: Manifest, *, full: bool = False) -> list[str]:
        """List what is wrong with an artifact's files, a sentence each; with `full`, hash them."""
        return self.backend.find_problems(manifest, full=full)

    def get_valid(self, stage: str, key: str) -> Artifact | None:
        """Return the artifact when its files are valid; else None, with a warning that names the file."""
        manifest = self.manifest(stage, key)
        return self.validate(manifest) if manifest else None

    def validate(self, manifest: Manifest) -> Artifact | None:
        """Return the artifact that a manifest describes when its files are valid; else None, with a warning."""
        problems = self.find_problems(manifest)
        for problem in problems:
            log.warning("%s: %s; it will be rebuilt", manifest.stage, problem)
        return None if problems else self.artifact(manifest)

    def newest_artifacts(self) -> dict[str, Artifact]:
        """Return the newest artifact of each stage."""
        return {manifest.stage: self.artifact(manifest) for manifest in self.manifests()}

    def find(self, stage: str, key: str = "newest") -> Artifact:
        """Find the artifact of a stage by the start of its key, or the newest one. Raises StageFailure."""
        matching = [manifest for manifest in self.manifests(stage) if key == "newest" or manifest.key.startswith(key)]
        if not matching:
            what = f"no {stage} artifact" + ("" if key == "newest" else f" with key {key}")
            # the five newest keys, the newest first
            known = ", ".join(manifest.key for manifest in self.manifests(stage)[:-6:-1]) or "none"
            raise StageFailure(
                f"{what} in {self.address} (newest: {known})", f"Run the {stage} stage, or see textmill ls"
            )
        if key != "newest" and len({manifest.key for manifest in matching}) > 1:
            raise StageFailure(f"several {stage} keys begin with {key}", "Give more of its digits")
        return self.artifact(matching[-1])

    def lineage(self, inputs: tuple[ArtifactRef, ...]) -> list[Manifest]:
        """Read the manifests of inputs and of all their ancestors, sources first."""
        # By key and in order: an ancestor that several inputs share stands once, before all that was made of it.
        manifests: dict[str, Manifest] = {}
        for ref in inputs:
            manifest = self.manifest(ref.stage, ref.key)
            if manifest is not None:
                manifests |= {ancestor.key: ancestor for ancestor in self.lineage(manifest.inputs)} | {
                    manifest.key: manifest
                }
        return list(manifests.values())

    def lock(self, stage: str, key: str) -> AbstractContextManager[bool]:
        """Return a context that holds the lock of a key. The lock is released when its holder dies, however it dies."""
        return self.backend.lock(stage, key)

    def draft(self, stage: str, key: str, inputs: tuple[ArtifactRef, ...] = ()) -> Draft:
        """Open the draft of an artifact, with the shards that an interrupted run finished.

        The caller must hold the lock of the key.
        """
        self._write_format_marker()
        # Each with the path of its artifact: the report of an evaluation also shows files of ancestors that are not its
        # inputs, such as the documents that a rule dropped.
        lineage = [
            manifest.model_dump(mode="json") | {"path": self.artifact(manifest).path}
            for manifest in self.lineage(inputs)
        ]
        return self.backend.draft(stage, key, lineage)

    def prepare(self) -> None:
        """Check that the store can be written to, before work begins. Raises StageFailure."""
        try:
            self._write_format_marker()
        except OSError as error:
            hint = HINTS.get(error.errno or 0, "Choose another folder with --store or TEXTMILL_STORE")
            raise StageFailure(f"the store {self.address} cannot be written to ({error})", hint) from error

    def _write_format_marker(self) -> None:
        self.backend.write_format_marker(make_format_marker())

    def publish(self, spec: BuildSpec, draft: Draft, started: float) -> Artifact:
        """Turn a finished draft into the artifact. The caller must hold the lock of the key."""
        files = hash_files(draft.path)
        finished = time.time()
        manifest = Manifest(
            **spec.model_dump(),
            key=spec.expected_key,
            digest=digest_files(files),
            files=files,
            counts=draft.counts,
            started=format_timestamp(started),
            finished=format_timestamp(finished),
            seconds=round(finished - started, 3),
            host=socket.gethostname(),
            packages=package_versions(),
            incomplete=tuple(draft.incomplete_reasons),
        )
        return self.artifact(self.backend.publish(draft, manifest))

    def find_garbage(
        self, needed: Iterable[ArtifactRef], *, drafts: bool, copies: bool = False
    ) -> Iterator[GarbageCandidate]:
        """Yield what garbage collection would remove: all but the needed artifacts and their ancestors.

        With `drafts`, also the drafts of interrupted runs, which could be continued; with `copies`, also local
        copies of artifacts on S3.
        """
        roots = tuple(needed)
        keep = {(ref.stage, ref.key) for ref in roots} | {(ref.stage, ref.key) for ref in self.lineage(roots)}
        return self.backend.find_garbage(keep, drafts=drafts, copies=copies)

    def remove(self, candidate: GarbageCandidate) -> bool:
        """Remove a candidate unless a run holds its lock; return whether it was removed."""
        return self.backend.remove(candidate)

    def record_run(self, recipe: dict[str, Any], artifacts: list[Artifact]) -> None:
        """Record the artifacts that a pipeline run ended with, so that garbage collection keeps them."""
        self._write_format_marker()
        finished = format_timestamp(time.time())
        run = RunRecord(finished=finished, recipe=recipe, artifacts=tuple(artifact.ref for artifact in artifacts))
        # names sort by time; some file systems refuse colons
        name = f"runs/{finished.replace(':', '')}-{uuid.uuid4().hex[:6]}.json"
        self.backend.write(name, run.model_dump_json(indent=1).encode())

    def runs(self) -> list[RunRecord]:
        """Read the finished pipeline runs, oldest first."""
        records = self.backend.read_all(self.backend.records("runs"))
        return [RunRecord.model_validate_json(data) for data in records if data is not None]

    def best(self, corpus: str) -> BestModel | None:
        """Read the best model of a corpus; the empty name stands for runs without a corpus. None when there is none."""
        data = self.backend.read(f"best/{corpus_slug(corpus)}.json")
        return BestModel.model_validate_json(data) if data is not None else None

    def set_best(self, best: BestModel) -> None:
        """Make a model the best one of its corpus. The caller must hold the lock ("best", corpus_slug(corpus))."""
        self._write_format_marker()
        self.backend.write(f"best/{corpus_slug(best.corpus)}.json", best.model_dump_json(indent=1).encode())

    def best_models(self) -> list[BestModel]:
        """Read the best model of every corpus that has one."""
        records = self.backend.read_all(self.backend.records("best"))
        return [BestModel.model_validate_json(data) for data in records if data is not None]


def corpus_slug(corpus: str) -> str:
    """Return the name of a corpus as a file name, for its records and locks."""
    return quote(corpus, safe="") or "@alone"  # no corpus has this slug, because quote() escapes the @


def format_timestamp(seconds: float) -> str:
    """Format a time as ISO 8601 in UTC with milliseconds; such texts sort by time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def open_backend(address: str) -> LocalBackend | S3Backend:
    """Open the back end of a store's address. Raises BadSetting."""
    if address.startswith(SCHEME):
        return S3Backend(address)
    if re.match(r"[a-z0-9+]+://", address) and not address.startswith("file://"):
        hint = "Give a folder or s3://bucket/prefix with --store or TEXTMILL_STORE"
        raise BadSetting(f"the store {address} is not a folder, and not s3://", hint)
    root = Path(address.removeprefix("file://")).expanduser().absolute()
    existing = next(path for path in (root, *root.parents) if path.exists())
    if not existing.is_dir():
        what = (
            f"the store {root} is not a folder"
            if existing == root
            else f"the store {root} lies below {existing}, a file"
        )
        raise BadSetting(what, "Give a folder with --store or TEXTMILL_STORE")
    return LocalBackend(root)


# By the digest too, so a rebuilt artifact is fetched anew. An error is not remembered.
@lru_cache
def local_copy(path: str, digest: str, prefixes: tuple[str, ...]) -> Path:
    """Fetch files of an artifact from S3 and return the local folder. Raises StageFailure."""
    address, stage, key = path.rsplit("/", 2)
    backend = S3Backend(address)
    manifest = Manifest.read(backend.read(f"{stage}/{key}/{MANIFEST_NAME}"))
    if manifest is None or manifest.digest != digest:
        reason = "does not exist any more" if manifest is None else "was rebuilt with other bytes"
        raise StageFailure(f"{path} {reason}", "Start the same command again")
    return backend.fetch(manifest, *prefixes)
