"""The store of artifacts: an artifact exists when its manifest does, and the manifest is written last.

How files are written and read is up to the two back ends, `local.py` and `s3.py`.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.errors import HINTS, StageFailure
from tasks.runtime.progress import log
from tasks.store.artifact import Artifact
from tasks.store.backends import open_backend
from tasks.store.checksum import format_record
from tasks.store.damage import find_descendants, update_mark
from tasks.store.draft import Draft
from tasks.store.garbage import GarbageCandidate
from tasks.store.local import FORMAT_MARKER
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
from tasks.store.rebuild_reason import explain_rebuild
from tasks.store.records import UnreadableFile, find_unreadable_files, read_records, warn_unreadable
from tasks.store.store_format import check_format, make_format_marker


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

    def exists(self) -> bool:
        """Return whether something was ever stored at the address."""
        return self.backend.read(FORMAT_MARKER) is not None or bool(self.backend.manifests())

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
            warn_unreadable(f"{self.address}/{name}", "the artifact does not count as built")
        return manifest

    def explain_rebuild(self, spec: BuildSpec, section: str) -> str:
        """Explain why an artifact must be built; `section` is the path of the stage's settings in a recipe."""
        name = f"{spec.stage}/{spec.expected_key}/{MANIFEST_NAME}"
        data = self.backend.read(name)
        if data is not None and Manifest.read(data) is None:
            return "its manifest is corrupt"
        return explain_rebuild(spec, self.manifests(spec.stage), section)

    def artifact(self, manifest: Manifest) -> Artifact:
        """Return the handle of the artifact that a manifest describes."""
        path = f"{self.address}/{manifest.stage}/{manifest.key}"
        return Artifact(stage=manifest.stage, key=manifest.key, digest=manifest.digest, path=path)

    def find_problems(self, manifest: Manifest, *, full: bool = False) -> list[str]:
        """List what is wrong with an artifact, a sentence each; with `full`, hash its files."""
        problems = self.backend.find_file_problems(manifest, full=full)
        if full:
            update_mark(self.backend, manifest, problems.keys() - {""})
        read_digests = manifest.read_digests or {}
        misread = [ref for ref in manifest.inputs if read_digests.get(ref.key, ref.digest) != ref.digest]
        name = f"{manifest.stage} {manifest.key}"
        return [
            *problems.values(),
            *(f"{name} was built from other bytes than those of {ref.stage} {ref.key}" for ref in misread),
        ]

    def get_valid(self, stage: str, key: str) -> Artifact | None:
        """Return the artifact when its files are valid; else None, with a warning that names the file."""
        manifest = self.manifest(stage, key)
        return self.validate(manifest) if manifest else None

    def validate(self, manifest: Manifest) -> Artifact | None:
        """Return the artifact that a manifest describes when its files are valid; else None, with a warning."""
        problems = self.find_problems(manifest)
        for problem in problems:
            log.warning("%s: %s; it does not count as built", manifest.stage, problem)
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

    def find_descendants(self, manifest: Manifest) -> list[Manifest]:
        """Find all that was built from an artifact, directly or not."""
        return find_descendants(self.manifests(), manifest)

    def lock(self, stage: str, key: str) -> AbstractContextManager[bool]:
        """Return a context that holds the lock of a key. The lock is released when its holder dies, however it dies."""
        return self.backend.lock(stage, key)

    def restore_replaced(self, stage: str, key: str) -> None:
        """Put back an artifact whose replacement was interrupted. The caller must hold the lock of the key."""
        self.backend.restore_replaced(stage, key)

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
            read_digests=draft.read_digests,
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

    def find_leftovers(self) -> Iterator[GarbageCandidate]:
        """Yield what interrupted runs left and nothing can use."""
        names = [name.split("/") for name in self.backend.manifests()]
        everything = [ArtifactRef(stage=stage, key=key, digest="") for stage, key, _ in names]
        yield from (candidate for candidate in self.find_garbage(everything, drafts=False) if not candidate.is_artifact)

    def remove(self, candidate: GarbageCandidate) -> bool:
        """Remove a candidate unless a run holds its lock; return whether it was removed."""
        return self.backend.remove(candidate)

    def record_run(self, recipe: dict[str, Any], artifacts: list[Artifact]) -> None:
        """Record the artifacts that a pipeline run ended with, so that garbage collection keeps them."""
        self._write_format_marker()
        milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
        finished = format_timestamp(milliseconds / 1000)
        run = RunRecord(finished=finished, recipe=recipe, artifacts=tuple(artifact.ref for artifact in artifacts))
        # names sort by time, also within a millisecond; some file systems refuse colons
        name = f"runs/{finished.replace(':', '')}-{nanoseconds:06}-{uuid.uuid4().hex[:6]}.json"
        self.backend.write(name, format_record(run))

    def runs(self) -> list[RunRecord]:
        """Read the finished pipeline runs, oldest first; a corrupt record is skipped with a warning."""
        return read_records(self.backend, self.backend.records("runs"), RunRecord)

    def best(self, corpus: str) -> BestModel | None:
        """Read the best model of a corpus; the empty name stands for runs without a corpus.

        None when there is none, or, with a warning, when its record is corrupt.
        """
        records = read_records(self.backend, [f"best/{corpus_slug(corpus)}.json"], BestModel)
        return records[0] if records else None

    def has_best(self, corpus: str) -> bool:
        """Tell whether a corpus has a record of its best model, be it corrupt."""
        return self.backend.read(f"best/{corpus_slug(corpus)}.json") is not None

    def set_best(self, best: BestModel) -> None:
        """Make a model the best one of its corpus. The caller must hold the lock ("best", corpus_slug(corpus))."""
        self._write_format_marker()
        self.backend.write(f"best/{corpus_slug(best.corpus)}.json", format_record(best))

    def best_models(self) -> list[BestModel]:
        """Read the best model of every corpus that has one; a corrupt record is skipped with a warning."""
        return read_records(self.backend, self.backend.records("best"), BestModel)

    def find_unreadable(self) -> list[UnreadableFile]:
        """Find the manifests and records of runs and best models that are corrupt."""
        return find_unreadable_files(self.backend)

    def remove_unreadable(self, file: UnreadableFile) -> bool:
        """Remove a corrupt record of a run or a best model; False when it was written again meanwhile."""
        if file not in self.find_unreadable():
            return False
        self.backend.remove_record(file.name)
        return True


def corpus_slug(corpus: str) -> str:
    """Return the name of a corpus as a file name, for its records and locks."""
    return quote(corpus, safe="") or "@alone"  # no corpus has this slug, because quote() escapes the @


def format_timestamp(seconds: float) -> str:
    """Format a time as ISO 8601 in UTC with milliseconds; such texts sort by time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
