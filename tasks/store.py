"""The store is the truth: an artifact exists when its manifest does, and the manifest comes last."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.block import Block
from tasks.draft import Draft, place, sync
from tasks.failure import StageFailure
from tasks.manifest import FORMAT, NAME, Input, Manifest, Run, Wanted, described, digest_of, packages, problems
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
    """its folder"""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.path)

    @property
    def as_input(self) -> Input:
        """How a manifest names it."""
        return Input(stage=self.stage, key=self.key, digest=self.digest)


class Store:
    """Artifacts below one root folder: `<root>/<stage>/<key>/`, drafts beside them, one lock a key."""

    def __init__(self, root: str | Path) -> None:
        if re.match(r"[a-z0-9+]+://", str(root)) and not str(root).startswith("file://"):
            raise StageFailure(f"the store {root} is not a folder", "Give a folder with --store or TEXTMILL_STORE")
        self.root = Path(str(root).removeprefix("file://")).expanduser().absolute()
        if self.root.exists() and not self.root.is_dir():
            raise StageFailure(f"the store {self.root} is not a folder", "Give a folder with --store or TEXTMILL_STORE")
        self._refuse_newer()

    @classmethod
    def current(cls) -> "Store":
        """The store that `TEXTMILL_STORE` names, else the folder `store` below the working directory."""
        return cls(os.environ.get("TEXTMILL_STORE") or "store")

    def _refuse_newer(self) -> None:
        try:
            written = int(json.loads((self.root / "store.json").read_text())["format"])
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as error:
            raise StageFailure(
                f"{self.root / 'store.json'} does not name its format", "Restore or remove it"
            ) from error
        if written > FORMAT:
            raise StageFailure(
                f"the store {self.root} was written by a newer version (format {written}, this one reads {FORMAT})",
                "Upgrade Textmill, or choose another folder with --store",
            )

    def folder(self, stage: str, key: str) -> Path:
        """Where the artifact is or will be."""
        return self.root / stage / key

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The artifact's manifest; None when there is no such artifact or its manifest cannot be read."""
        path = self.folder(stage, key) / NAME
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            log.warning("%s is corrupt: the artifact does not count as built", path)
            return None

    def manifests(self, stage: str | None = None) -> list[Manifest]:
        """All manifests, of one stage or of all, oldest first."""
        paths = sorted(self.root.glob(f"{stage or '*'}/*/{NAME}"))
        found = [self.manifest(path.parent.parent.name, path.parent.name) for path in paths if path.parts[-2][0] != "."]
        return sorted((each for each in found if each is not None), key=lambda each: each.finished)

    def artifact(self, manifest: Manifest) -> Artifact:
        """The handle of what a manifest describes."""
        path = self.folder(manifest.stage, manifest.key)
        return Artifact(stage=manifest.stage, key=manifest.key, digest=manifest.digest, path=str(path))

    def problems(self, manifest: Manifest, *, full: bool = False) -> list[str]:
        """What is wrong with an artifact's files, a sentence each."""
        return problems(self.folder(manifest.stage, manifest.key), manifest, full=full)

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
                f"{wanted} in {self.root} (newest: {known})", f"Run the {stage} stage, or see textmill ls"
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

    @contextlib.contextmanager
    def lock(self, stage: str, key: str) -> Iterator[None]:
        """Hold a key alone. The kernel lets go of it when the holder dies, however it dies."""
        path = self.root / ".locks" / f"{stage}-{key}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("%s %s: another run builds it; waiting for it", stage, key)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def draft(self, stage: str, key: str, inputs: tuple[Input, ...] = ()) -> Draft:
        """The draft of an artifact, with what an earlier, interrupted run finished. Hold the lock."""
        self._mark()
        path = self.draft_folder(stage, key)
        (path / NAME).unlink(missing_ok=True)  # written just before a kill; it is written again at the end
        return Draft(path, [manifest.model_dump(mode="json") for manifest in self.lineage(inputs)])

    def draft_folder(self, stage: str, key: str) -> Path:
        """Where a stage builds before it publishes."""
        return self.root / stage / f".draft-{key}"

    def _mark(self) -> None:
        """Write the store's format, once."""
        mark = self.root / "store.json"
        if not mark.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            write_whole(mark, json.dumps({"format": FORMAT}))

    def publish(self, wanted: Wanted, draft: Draft, started: float) -> Artifact:
        """Make a finished draft the artifact: its manifest last, then one rename. Hold the lock.

        When the artifact is there already with the same bytes, it stays untouched, since others may be reading it.
        """
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
        write_whole(draft.path / NAME, manifest.model_dump_json(indent=1))
        target = self.folder(manifest.stage, manifest.key)
        before = self.manifest(manifest.stage, manifest.key)
        if before is not None and before.files == manifest.files and not self.problems(before, full=True):
            write_whole(target / NAME, manifest.model_dump_json(indent=1))
            shutil.rmtree(draft.path)
        else:
            replace_folder(draft.path, target)
        return self.artifact(manifest)

    def record_run(self, recipe: dict[str, Any], artifacts: list[Artifact]) -> None:
        """Remember what a pipeline run ended with, so that clearing up keeps it."""
        self._mark()
        finished = timestamp(time.time())
        run = Run(finished=finished, recipe=recipe, artifacts=tuple(each.as_input for each in artifacts))
        folder = self.root / "runs"
        folder.mkdir(exist_ok=True)
        path = folder / f"{finished.replace(':', '')}-{uuid.uuid4().hex[:6]}.json"
        write_whole(path, run.model_dump_json(indent=1))

    def runs(self) -> list[Run]:
        """The pipeline runs that finished, oldest first."""
        return [Run.model_validate_json(path.read_bytes()) for path in sorted((self.root / "runs").glob("*.json"))]


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC; sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    temporary.write_text(text)
    place(temporary, path)


def replace_folder(source: Path, target: Path) -> None:
    """Put a folder in the place of another. What was there is removed only when the new one stands."""
    old = target.with_name(f".old-{target.name}-{uuid.uuid4().hex[:8]}")
    if target.exists():
        target.rename(old)
    source.rename(target)
    sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)
    for leftover in target.glob(".*"):  # the draft's working state; harmless when a kill leaves it
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
