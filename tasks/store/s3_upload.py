"""Upload of an artifact's files, under names that depend on their content.

A file's object carries the start of its sha256 (`documents/00000.parquet` → `documents/00000.2c26b46b….parquet`), so
two builders never overwrite each other, and a file that exists need not be sent again.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from tasks.runtime.content_digest import hash_file
from tasks.runtime.progress import log
from tasks.store.checksum import format_line, parse_line
from tasks.store.draft import PARTIAL, commit_file
from tasks.store.draft_journal import Counts
from tasks.store.manifest import ArtifactFile, Manifest
from tasks.store.s3_client import S3Client
from tasks.store.s3_lock import LEASE_NAME

MAX_CONCURRENT_TRANSFERS = 8  # files at the same time
HASH_DIGITS = 16  # of a sha256, in an object's name
FINISHED_SHARDS = ".finished/"  # records of a draft's finished shards


def object_name(file: ArtifactFile) -> str:
    """Name a file's object: `documents/00000.parquet` → `documents/00000.2c26b46b68ffc68f.parquet`."""
    path = PurePosixPath(file.path)
    return path.with_name(f"{path.stem}.{file.sha256[:HASH_DIGITS]}{path.suffix}").as_posix()


def map_files_by_object(manifest: Manifest) -> dict[str, ArtifactFile]:
    """Map the name of each object of an artifact to its file."""
    prefix = f"{manifest.stage}/{manifest.key}/"
    return {prefix + object_name(file): file for file in manifest.files}


def download_file(objects: S3Client, prefix: str, file: ArtifactFile, target: Path, temporary_folder: Path) -> str:
    """Download one file and check its sha256; return what is wrong with its object, or an empty text.

    It is written into `temporary_folder` first and then renamed, so `target` is complete or absent.
    """
    temporary_folder.mkdir(parents=True, exist_ok=True)
    temporary = temporary_folder / uuid.uuid4().hex
    if not objects.download(prefix + object_name(file), temporary):
        return "is missing"
    if temporary.stat().st_size != file.bytes or hash_file(temporary, "sha256").hex() != file.sha256:
        temporary.unlink()
        return "is corrupt: its sha256 is not the manifest's"
    commit_file(temporary, target)
    return ""


class S3Draft:
    """The remote copy of a draft on S3. Finished shards are uploaded at once, so that other machines can continue."""

    def __init__(self, objects: S3Client, prefix: str, replaced_etag: str) -> None:
        self.objects, self.prefix = objects, prefix
        self.replaced_etag = replaced_etag  # ETag of the manifest that this replaces; empty when there is none
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_TRANSFERS)
        self._pending: list[Future[None]] = []
        objects_here = objects.list_objects(prefix)
        self._finished = [name for name in objects_here if name.startswith(prefix + FINISHED_SHARDS)]
        # a published artifact is rebuilt because it is corrupt, or by force: every file is sent again
        self._uploaded_sizes = {} if replaced_etag else {name: info.size for name, info in objects_here.items()}

    def send(self, folder: Path, files: Iterable[ArtifactFile]) -> None:
        """Upload the files of a folder that S3 does not hold yet."""
        # The name holds the hash, so an object of that name and size has these bytes.
        missing_files = [file for file in files if self._uploaded_sizes.get(self._name(file)) != file.bytes]
        with ThreadPoolExecutor(MAX_CONCURRENT_TRANSFERS) as pool:
            # `list`, because errors of the threads are raised only where results are read
            list(pool.map(lambda file: self.objects.upload(folder / file.path, self._name(file)), missing_files))
        self._uploaded_sizes |= {self._name(file): file.bytes for file in missing_files}

    def _name(self, file: ArtifactFile) -> str:
        return self.prefix + object_name(file)

    def begin_upload(self, folder: Path, entry: str, counts: Counts, files: list[ArtifactFile]) -> None:
        """Begin to upload a finished shard's files, and then a record of it, in the background."""
        self._pending.append(self._pool.submit(self._upload_shard, folder, entry, counts, files))

    def wait(self) -> None:
        """Block until every upload that was begun is complete. Raises StageFailure."""
        pending, self._pending = self._pending, []
        for upload in pending:
            upload.result()

    def _upload_shard(self, folder: Path, entry: str, counts: Counts, files: list[ArtifactFile]) -> None:
        self.send(folder, files)
        # Last: the record tells other machines that all files of the shard are there.
        record = {"shard": entry, "counts": counts, "files": [file.model_dump() for file in files]}
        name = f"{self.prefix}{FINISHED_SHARDS}{hashlib.sha256(entry.encode()).hexdigest()[:HASH_DIGITS]}.json"
        self.objects.write(name, format_line(record))

    def restore_shards(self, folder: Path, known: Collection[str]) -> Iterator[tuple[str, Counts, list[ArtifactFile]]]:
        """Download shards that another machine finished; yield each with its counts and files once they are local."""
        for name in self._finished:
            try:
                record = parse_line(self.objects.read(name) or b"{}")
            except ValueError:
                log.warning("%s is corrupt: the shard runs again", name)
                continue
            if record and record["shard"] not in known:
                files = [ArtifactFile(**entry) for entry in record["files"]]
                # a shard whose files are missing or corrupt is not restored, so it runs again
                if not any(self._find_problem(folder, file) for file in files):
                    log.info("%s: finished on another machine", record["shard"])
                    yield record["shard"], record["counts"], files

    def _find_problem(self, folder: Path, file: ArtifactFile) -> str:
        return download_file(self.objects, self.prefix, file, folder / file.path, folder / PARTIAL)

    def remove_records(self) -> None:
        """Remove the records and working files of finished shards, and a mark of damage: the artifact is published."""
        listed = self.objects.list_objects(f"{self.prefix}.")
        self.objects.remove([name for name in listed if name != self.prefix + LEASE_NAME])

    def remove_shards(self) -> None:
        """Remove the records of finished shards: they run again. Garbage collection removes their files."""
        self.objects.remove(list(self.objects.list_objects(self.prefix + FINISHED_SHARDS)))
