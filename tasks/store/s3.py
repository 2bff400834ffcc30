"""A store on S3: artifacts are objects there, and a local cache folder holds drafts and fetched copies.

Files are uploaded first, each under a name of its own; one conditional write of the manifest makes them an artifact.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.errors import CorruptInput, StageFailure, Transient
from tasks.runtime.cache_folder import user_cache_folder
from tasks.runtime.content_digest import hash_file
from tasks.runtime.progress import log
from tasks.store.damage import mark_corrupt, mark_name, parse_mark
from tasks.store.draft import Draft, remove_folder
from tasks.store.draft_journal import Counts
from tasks.store.garbage import PARTIAL_DOWNLOADS, GarbageCandidate
from tasks.store.local import FORMAT_MARKER, LocalBackend, replace_folder
from tasks.store.manifest import MANIFEST_NAME, ArtifactFile, Manifest
from tasks.store.read_check import advise_rebuild, find_corrupt_files
from tasks.store.s3_client import SCHEME, ObjectInfo, S3Client
from tasks.store.s3_garbage import find_remote_garbage, remove_objects
from tasks.store.s3_lock import LEASE_NAME, Lease
from tasks.store.s3_upload import MAX_CONCURRENT_TRANSFERS, S3Draft, download_file, map_files_by_object, object_name

RECORD_FOLDERS = ("runs", "best")  # beside the folders of the stages


def cache_folder_for(address: str) -> Path:
    """Return the local folder for copies of a store: below `TEXTMILL_CACHE`, by default `~/.cache/textmill`."""
    readable = re.sub(r"[^\w.]+", "-", address.removeprefix(SCHEME))
    # the hash tells addresses apart that read the same after the replacement
    name = f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    return Path(os.environ.get("TEXTMILL_CACHE") or user_cache_folder()).expanduser().absolute() / name


class S3Backend:
    """Artifacts in `<address>/<stage>/<key>/`: an object per file, `manifest.json`, and the builder's lease."""

    def __init__(self, address: str) -> None:
        self.objects = S3Client(address)
        self.address = self.objects.address
        self.cache = LocalBackend(cache_folder_for(self.address))
        self.root = self.cache.root

    def read(self, name: str) -> bytes | None:
        """Read a small object; None when it does not exist."""
        return self.objects.read(name)

    def read_all(self, names: list[str]) -> list[bytes | None]:
        """Read several small objects concurrently; None for each that does not exist."""
        with ThreadPoolExecutor(MAX_CONCURRENT_TRANSFERS) as pool:
            return list(pool.map(self.objects.read, names))

    def write(self, name: str, data: bytes) -> None:
        """Write a small object."""
        self.objects.write(name, data)

    def write_format_marker(self, data: bytes) -> None:
        """Write the marker of the store's format, once. Raises StageFailure where conditions on writes are ignored."""
        # Only the first `create` may succeed. A second one, and a `replace` with an ETag that no object has, must be
        # refused: a store that accepts either would let two builders both win.
        if self.objects.create(FORMAT_MARKER, data) and (
            self.objects.create(FORMAT_MARKER, data) or self.objects.replace(FORMAT_MARKER, data, '"0123"')
        ):
            raise StageFailure(
                f"the object store of {self.address} ignores conditions on writes (If-None-Match, If-Match)",
                "Use one that keeps them, such as AWS S3, MinIO, R2 or Ceph, or a folder",
            )

    def manifests(self, stage: str | None = None) -> list[str]:
        """List the names of all manifests, or of one stage's; that of an unfinished artifact does not exist yet."""
        stages = (
            [stage]
            if stage
            else [stage_name for stage_name in self.objects.list_prefixes() if stage_name not in RECORD_FOLDERS]
        )
        return [
            f"{stage_name}/{key}/{MANIFEST_NAME}"
            for stage_name in stages
            for key in self.objects.list_prefixes(f"{stage_name}/")
        ]

    def records(self, kind: str) -> list[str]:
        """List the small objects of a kind, such as `runs`, in the order of their names."""
        return sorted(name for name in self.objects.list_objects(f"{kind}/") if name.endswith(".json"))

    def remove_record(self, name: str) -> None:
        """Remove a small object."""
        self.objects.remove([name])

    def find_file_problems(self, manifest: Manifest, *, full: bool) -> dict[str, str]:
        """Return what is wrong with an artifact's objects: path of the file → a sentence.

        With `full`, all are hashed, and local copies too, else those that are marked. Under an empty path stands why
        the artifact itself is suspect.
        """
        objects = self.objects.list_objects(f"{manifest.stage}/{manifest.key}/")
        name_of_mark = mark_name(manifest.stage, manifest.key)
        mark = parse_mark(self.read(name_of_mark) if name_of_mark in objects else None)
        if full:
            self._remove_corrupt_copies(manifest)
        files = map_files_by_object(manifest)
        with ThreadPoolExecutor(MAX_CONCURRENT_TRANSFERS) as pool:
            sentences = pool.map(
                lambda name, file: self._find_problem(name, file, objects.get(name), full or mark.covers(file.path)),
                files.keys(),
                files.values(),
            )
            problems = {file.path: text for file, text in zip(files.values(), sentences, strict=True) if text}
        return problems | ({"": mark.suspect} if mark.suspect else {})

    def _find_problem(self, name: str, file: ArtifactFile, info: ObjectInfo | None, is_hashed: bool) -> str:
        if info is None:
            return f"{self.address}/{name} is missing"
        if info.size != file.bytes:
            return f"{self.address}/{name} is corrupt: {info.size:,} bytes where the manifest says {file.bytes:,}"
        if is_hashed and self._read_sha256(name) != file.sha256:
            return f"{self.address}/{name} is corrupt: its sha256 is not the manifest's"
        return ""

    def _read_sha256(self, name: str) -> str:
        # into a file, because it may not fit into memory; other processes may check the same object
        temporary = self.root / PARTIAL_DOWNLOADS / f"{os.getpid()}-{hashlib.sha256(name.encode()).hexdigest()}"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            return hash_file(temporary, "sha256").hex() if self.objects.download(name, temporary) else ""
        finally:
            temporary.unlink(missing_ok=True)

    def _remove_corrupt_copies(self, manifest: Manifest) -> None:
        for file in manifest.files:
            copy = self.cache.path(manifest.stage, manifest.key) / file.path
            if copy.exists() and hash_file(copy, "sha256").hex() != file.sha256:
                remove_corrupt_copy(copy)

    def fetch(self, manifest: Manifest, *prefixes: str) -> Path:
        """Return the local folder with the files whose names begin with one of the prefixes; without any, all."""
        folder = self.cache.path(manifest.stage, manifest.key)
        with self.cache.lock(f"fetch-{manifest.stage}", manifest.key):  # two processes fetch once
            cached_manifest = Manifest.read(self.cache.read(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}"))
            # In this order: a kill after the removal leaves the old manifest, so the copies are checked again.
            if cached_manifest is None or cached_manifest.files != manifest.files:
                self._remove_stale_copies(folder, manifest)
                self.cache.write(f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}", manifest.as_json)
            # every name begins with the empty text, so without prefixes all files are fetched
            files = [file for file in manifest.files if file.path.startswith(prefixes or "")]
            problems = find_corrupt_files(folder, manifest, files)
            for path in problems:
                if (folder / path).exists():
                    remove_corrupt_copy(folder / path)
            missing = [file for file in files if file.path in problems]
            with ThreadPoolExecutor(MAX_CONCURRENT_TRANSFERS) as pool:
                # `list`, because errors of the threads are raised only where results are read
                list(pool.map(lambda file: self._fetch(manifest, file, folder), missing))
            shutil.rmtree(folder / PARTIAL_DOWNLOADS, ignore_errors=True)  # with leftovers of a kill
        return folder

    def _remove_stale_copies(self, folder: Path, manifest: Manifest) -> None:
        """Remove copies that differ from this manifest: the artifact was rebuilt with other bytes."""
        files_by_path = {file.path: file for file in manifest.files}
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            name = path.relative_to(folder).as_posix()
            if name not in files_by_path or hash_file(path, "sha256").hex() != files_by_path[name].sha256:
                path.unlink()

    def _fetch(self, manifest: Manifest, file: ArtifactFile, folder: Path) -> None:
        prefix = f"{manifest.stage}/{manifest.key}/"
        problem = download_file(self.objects, prefix, file, folder / file.path, folder / PARTIAL_DOWNLOADS)
        if problem:
            mark_corrupt(self, manifest, [file.path])
            what = f"{manifest.stage} {manifest.key}: {self.address}/{prefix}{object_name(file)} {problem}"
            raise CorruptInput(what, advise_rebuild(manifest.stage))

    @contextlib.contextmanager
    def lock(self, stage: str, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of a key, on this and every other machine; yields whether it is held."""
        # The local lock first. Of this machine's processes only its holder takes the lease; and as it holds the lock, a
        # lease with the same id is left over from a process that is gone.
        with self.cache.lock(stage, key, wait=wait) as held_here:
            if held_here:
                owner_id = self.cache.lock_id(stage, key)
                with Lease(self.objects, f"{stage}/{key}/{LEASE_NAME}", owner_id).acquire(wait=wait) as held:
                    yield held
            else:
                yield False

    def draft_path(self, stage: str, key: str) -> Path:
        """Return the local folder in which a stage builds before it publishes."""
        return self.cache.draft_path(stage, key)

    def draft(self, stage: str, key: str, lineage: list[Counts]) -> Draft:
        """Open the draft of an artifact, with the shards finished on any machine. The caller must hold the lock."""
        # the version that this build may replace; with another one in its place, another run has published meanwhile
        manifest = self.objects.head(f"{stage}/{key}/{MANIFEST_NAME}")
        upload = S3Draft(self.objects, f"{stage}/{key}/", manifest.etag if manifest else "")
        return Draft(self.draft_path(stage, key), lineage, upload)

    def publish(self, draft: Draft, manifest: Manifest) -> Manifest:
        """Upload a finished draft, its manifest last and on one condition: that no other run published meanwhile.

        Return the manifest that counts: the other run's where there was one.
        """
        upload = draft.remote
        assert isinstance(upload, S3Draft), "the draft is from this store"
        upload.send(draft.path, manifest.files)
        name, data = f"{manifest.stage}/{manifest.key}/{MANIFEST_NAME}", manifest.as_json
        if upload.replaced_etag:
            self.objects.replace(name, data, upload.replaced_etag)
        else:
            self.objects.create(name, data)
        published_data = self.read(name)  # shows who won, also where the answer to our write was lost
        published = Manifest.read(published_data)
        if published is None:
            raise Transient(f"{self.address}/{name} was removed as it was published", "Start the same command again")
        upload.remove_records()
        if published_data == data:
            # the draft becomes the local copy, which saves the next stage a download
            (draft.path / MANIFEST_NAME).write_bytes(data)
            with self.cache.lock(f"fetch-{manifest.stage}", manifest.key):
                replace_folder(draft.path, self.cache.path(manifest.stage, manifest.key))
        else:
            log.warning("%s %s: another run published first; its result is kept", manifest.stage, manifest.key)
            remove_folder(draft.path)
        return published

    def restore_replaced(self, stage: str, key: str) -> None:
        """Do nothing: one write of the manifest replaces an artifact on S3."""

    def find_garbage(
        self, keep: Collection[tuple[str, str]], *, drafts: bool, copies: bool = False
    ) -> Iterator[GarbageCandidate]:
        """Yield all but the artifacts to keep, by stage and key, on S3 and in the local cache.

        With `copies`, all local copies are included, also those of artifacts to keep.
        """
        yield from find_remote_garbage(self.objects, self.manifests(), keep, drafts=drafts)
        yield from self.cache.find_garbage(() if copies else keep, drafts=drafts)

    def remove(self, candidate: GarbageCandidate) -> bool:
        """Remove a candidate unless it is locked or was published meanwhile; return whether it was removed."""
        if not candidate.names:
            return self.cache.remove(candidate)
        with self.lock(candidate.stage, candidate.key, wait=False) as held:
            return held and remove_objects(self.objects, candidate)


def remove_corrupt_copy(copy: Path) -> None:
    """Remove a local copy of a file, so that it is fetched again."""
    log.warning("%s is a corrupt copy; it is fetched again when needed", copy)
    copy.unlink()
