"""A store in an object store: what is true lies there, and a folder of this machine holds drafts and fetched copies.

Files come first, each under a name of its own, and one conditional write of the manifest makes them an artifact.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.errors import StageFailure, Transient
from tasks.runtime.cache_folder import user_cache_folder
from tasks.runtime.progress import log
from tasks.store.draft import Counts, Draft
from tasks.store.local import FORMAT_MARKER, KEY, GarbageCandidate, LocalBackend, replace_folder
from tasks.store.manifest import MANIFEST_NAME, ArtifactFile, Manifest, hash_file
from tasks.store.s3_client import SCHEME, ObjectInfo, Objects
from tasks.store.s3_lock import LEASE, Lease
from tasks.store.s3_upload import AT_ONCE, Upload, download, object_name

RECORDS = ("runs", "best")  # what lies beside the stages
FETCHING = ".fetching"  # in an artifact's folder in the cache: what is on its way


def cache_folder(address: str) -> Path:
    """Where this machine keeps its copies: below `TEXTMILL_CACHE`, by default `~/.cache/textmill`."""
    readable = re.sub(r"[^\w.]+", "-", address.removeprefix(SCHEME))
    name = f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    return Path(os.environ.get("TEXTMILL_CACHE") or user_cache_folder()).expanduser().absolute() / name


class S3Backend:
    """`<address>/<stage>/<key>/`: the files' objects, `manifest.json`, and the lease of who builds it."""

    def __init__(self, address: str) -> None:
        self.objects = Objects(address)
        self.address = self.objects.address
        self.cache = LocalBackend(cache_folder(self.address))
        self.root = self.cache.root

    def read(self, name: str) -> bytes | None:
        """A small object; None when there is none."""
        return self.objects.read(name)

    def read_all(self, names: list[str]) -> list[bytes | None]:
        """The same for several, at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.objects.read, names))

    def write(self, name: str, data: bytes) -> None:
        """Write a small object."""
        self.objects.write(name, data)

    def write_format_marker(self, data: bytes) -> None:
        """Write the store's format, once. Raises StageFailure where conditions on writes are ignored."""
        if self.objects.create(FORMAT_MARKER, data) and (
            self.objects.create(FORMAT_MARKER, data) or self.objects.replace(FORMAT_MARKER, data, '"0123"')
        ):
            raise StageFailure(
                f"the object store of {self.address} ignores conditions on writes (If-None-Match, If-Match)",
                "Use one that keeps them, such as AWS S3, MinIO, R2 or Ceph, or a folder",
            )

    def manifests(self, stage: str | None = None) -> list[str]:
        """The names that manifests have, where they are built: of all artifacts, or of one stage's."""
        stages = [stage] if stage else [each for each in self.objects.folders() if each not in RECORDS]
        return [f"{each}/{key}/{MANIFEST_NAME}" for each in stages for key in self.objects.folders(f"{each}/")]

    def records(self, kind: str) -> list[str]:
        """The names of the small objects of a kind, such as runs, in the order of their names."""
        return sorted(name for name in self.objects.listed(f"{kind}/") if name.endswith(".json"))

    def _names(self, manifest: Manifest) -> dict[str, ArtifactFile]:
        beginning = f"{manifest.stage}/{manifest.key}/"
        return {beginning + object_name(file): file for file in manifest.files}

    def find_problems(self, manifest: Manifest, *, full: bool) -> list[str]:
        """What is wrong with an artifact's objects, a sentence each; `full` reads them, and this machine's copies."""
        listed = self.objects.listed(f"{manifest.stage}/{manifest.key}/")
        if full:
            self._drop_bad_copies(manifest)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            names, files = self._names(manifest).keys(), self._names(manifest).values()
            found = pool.map(lambda name, file: self._problem(name, file, listed.get(name), full), names, files)
            return [problem for problem in found if problem]

    def _problem(self, name: str, file: ArtifactFile, found: ObjectInfo | None, full: bool) -> str:
        if found is None:
            return f"{self.address}/{name} is missing"
        if found.size != file.bytes:
            return f"{self.address}/{name} is corrupt: {found.size:,} bytes where the manifest says {file.bytes:,}"
        if full and self._read_sha256(name) != file.sha256:
            return f"{self.address}/{name} is corrupt: its sha256 is not the manifest's"
        return ""

    def _read_sha256(self, name: str) -> str:
        aside = self.root / FETCHING / f"{os.getpid()}-{hashlib.sha256(name.encode()).hexdigest()}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            return hash_file(aside) if self.objects.download(name, aside) else ""
        finally:
            aside.unlink(missing_ok=True)

    def _drop_bad_copies(self, manifest: Manifest) -> None:
        for file in manifest.files:
            copy = self.cache.path(manifest.stage, manifest.key) / file.path
            if copy.exists() and hash_file(copy) != file.sha256:
                log.warning("%s is a corrupt copy; it is fetched again when it is needed", copy)
                copy.unlink()

    def fetch(self, manifest: Manifest, *beginnings: str) -> Path:
        """The folder of this machine with those files of an artifact whose names begin so; none named: all."""
        folder = self.cache.path(manifest.stage, manifest.key)
        with self.cache.lock(f"fetch-{manifest.stage}", manifest.key):  # two processes fetch once
            known = Manifest.read(self.cache.read(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}"))
            if known is None or known.files != manifest.files:
                self._forget_stale(folder, manifest)
                self.cache.write(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}", manifest.as_json)
            missing = [
                file
                for file in manifest.files
                if file.path.startswith(beginnings or "") and not has_full_size(folder / file.path, file)
            ]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda file: self._fetch(manifest, file, folder), missing))
            shutil.rmtree(folder / FETCHING, ignore_errors=True)  # with what a kill left there
        return folder

    def _forget_stale(self, folder: Path, manifest: Manifest) -> None:
        """Remove copies that are not of this manifest: it was built again with other bytes."""
        wanted = {file.path: file for file in manifest.files}
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            name = path.relative_to(folder).as_posix()
            if name not in wanted or hash_file(path) != wanted[name].sha256:
                path.unlink()

    def _fetch(self, manifest: Manifest, file: ArtifactFile, folder: Path) -> None:
        beginning = f"{manifest.stage}/{manifest.key}/"
        problem = download(self.objects, beginning, file, folder / file.path, folder / FETCHING)
        if problem:
            mend = f"Build it again with --force {manifest.stage}"
            raise StageFailure(f"{self.address}/{beginning}{object_name(file)} {problem}", mend)

    @contextlib.contextmanager
    def lock(self, stage: str, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold a key alone, here and on every other machine; yields whether it is held."""
        with self.cache.lock(stage, key, wait=wait) as here:
            if here:
                place = self.cache.lock_identity(stage, key)
                with Lease(self.objects, f"{stage}/{key}/{LEASE}", place).held(wait=wait) as held:
                    yield held
            else:
                yield False

    def draft_path(self, stage: str, key: str) -> Path:
        """Where a stage builds before it publishes."""
        return self.cache.draft_path(stage, key)

    def draft(self, stage: str, key: str, lineage: list[Counts]) -> Draft:
        """The draft of an artifact, with what interrupted runs finished here or elsewhere. Hold the lock."""
        manifest = self.objects.found(f"{stage}/{key}/{MANIFEST_NAME}")
        upload = Upload(self.objects, f"{stage}/{key}/", manifest.etag if manifest else "")
        return Draft(self.draft_path(stage, key), lineage, upload)

    def publish(self, draft: Draft, manifest: Manifest) -> Manifest:
        """Upload a finished draft, its manifest last and on one condition: that nobody published since it began.

        What stands in the end, which is the other's when there was one.
        """
        upload = draft.backup
        assert isinstance(upload, Upload), "the draft is from this store"
        upload.send(draft.path, manifest.files)
        name, data = f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}", manifest.as_json
        if upload.before:
            self.objects.replace(name, data, upload.before)
        else:
            self.objects.create(name, data)
        there = self.read(name)  # tells who won, also when the answer to the write got lost
        stands = Manifest.read(there)
        if stands is None:
            raise Transient(f"{self.address}/{name} was removed as it was published", "Start the same command again")
        upload.forget()
        if there == data:
            (draft.path / MANIFEST_NAME).write_bytes(data)
            with self.cache.lock(f"fetch-{manifest.stage}", manifest.key):
                replace_folder(draft.path, self.cache.path(manifest.stage, manifest.key))
        else:
            log.warning("%s %s: another run published it first; its result stands", manifest.stage, manifest.key)
            shutil.rmtree(draft.path)
        return stands

    def find_garbage(
        self, keep: Collection[tuple[str, str]], *, drafts: bool, copies: bool = False
    ) -> Iterator[GarbageCandidate]:
        """What clearing up would remove: all but the artifacts to keep, by stage and key, there and here.

        With `copies` all copies on this machine go, also those of artifacts to keep.
        """
        for name in self.manifests():
            stage, key, _ = name.split("/")
            listed = self.objects.listed(f"{stage}/{key}/")
            names = self._unneeded(stage, key, listed, keep=(stage, key) in keep, drafts=drafts)
            if names:
                version = listed[name].etag if name in listed else ""
                num_bytes = sum(listed[each].size for each in names)
                yield GarbageCandidate(f"{self.address}/{stage}/{key}", num_bytes, stage, key, tuple(names), version)
        yield from self.cache.find_garbage(() if copies else keep, drafts=drafts)

    def _unneeded(self, stage: str, key: str, listed: Collection[str], *, keep: bool, drafts: bool) -> list[str]:
        """Of an artifact to keep what its manifest does not name; of an unfinished one all or nothing."""
        name, lease = f"{stage}/{key}/{MANIFEST_NAME}", f"{stage}/{key}/{LEASE}"
        if not KEY.fullmatch(key) or lease not in listed:  # all that is built here was locked once
            return []
        guarded = [each for each in listed if each != lease]
        if name not in listed:
            return guarded if drafts else []
        if not keep:
            return guarded
        manifest = Manifest.read(self.read(name))
        stay = {name, *self._names(manifest)} if manifest else guarded
        hidden = f"{stage}/{key}/."  # of a draft, which an interrupted run can go on from
        return [each for each in guarded if each not in stay and (drafts or not each.startswith(hidden))]

    def remove(self, what: GarbageCandidate) -> bool:
        """Remove it unless a run holds its lock, or it was published meanwhile; whether it was removed."""
        if not what.names:
            return self.cache.remove(what)
        name, lease = f"{what.stage}/{what.key}/{MANIFEST_NAME}", f"{what.stage}/{what.key}/{LEASE}"
        with self.lock(what.stage, what.key, wait=False) as held:
            found = self.objects.found(name)
            if not held or (found.etag if found else "") != what.version:
                return False
            # the manifest first, so that nobody takes for whole what is half removed
            self.objects.remove([each for each in what.names if each == name])
            self.objects.remove([each for each in what.names if each != name])
            if name in what.names or not found:  # nothing is left to guard
                self.objects.remove([lease])
        return True


def has_full_size(path: Path, file: ArtifactFile) -> bool:
    """Whether a copy is there with the right size; its sha256 was compared when it came."""
    return path.is_file() and path.stat().st_size == file.bytes
