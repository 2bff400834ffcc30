"""A draft: the folder that a stage builds into. It survives kill -9 with every finished shard."""

import contextlib
import os
import re
import shutil
import socket
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any, Protocol

from tasks.errors import StageFailure
from tasks.runtime.executor import open_executor
from tasks.runtime.progress import progress
from tasks.store.draft_journal import Counts, DraftJournal, describe_shard_file
from tasks.store.manifest import ArtifactFile

PARTIAL = ".partial"
REMOVED = ".removed-"


def fsync_path(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    # a folder cannot be opened for writing, and fsync does not need it
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def commit_file(source: Path, target: Path) -> None:
    """Sync a file, then rename it: the target is complete or absent, also after a power cut."""
    # The content must be on disk before the name is: after a power cut a rename may be kept and the data of the file
    # lost. The rename itself is on disk only when the folder is synced.
    fsync_path(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    fsync_path(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder of a store, so that a kill leaves no part of it under its name.

    A draft without some of the files that its journal names would be continued as if they were there.
    """
    if not folder.exists():
        return
    # a name that `gc` knows, of a draft too: .removed-KEY-SUFFIX
    key = re.sub(r"^\.(draft|old|removed)-|-[0-9a-f]{8}$", "", folder.name)
    doomed = folder.with_name(f"{REMOVED}{key}-{uuid.uuid4().hex[:8]}")
    folder.rename(doomed)
    fsync_path(folder.parent)
    shutil.rmtree(doomed, ignore_errors=True)


def run_shard(
    function: Callable[..., Counts], partial: Path, name: str, args: tuple[Any, ...]
) -> tuple[Counts, list[ArtifactFile]]:
    """Run one shard in a folder of its own, then move its files into the draft. Called in a worker process.

    Return the shard's counts and its files. `partial` is a folder of this run inside the draft: a worker
    that does not see it is on a machine with other files. Raises StageFailure.
    """
    # a name of its own for each attempt: what a killed worker left must not mix with the files of the next
    out = partial / f"{name.replace('/', '-')}.{uuid.uuid4().hex[:8]}"
    try:
        # without `parents`: where the draft is not visible, this has to fail rather than create the folder on the wrong
        # disk
        out.mkdir()
    except FileNotFoundError:
        raise StageFailure(
            f"a worker on {socket.gethostname()} does not see {partial.parent}",
            "Workers on other machines need that folder too: share the folder of --store, or of TEXTMILL_CACHE when "
            "the store is s3://",
        ) from None
    try:
        counts = function(out, *args)
        names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
        files = [describe_shard_file(out, name_of_file) for name_of_file in names]
        for name_of_file in names:
            # A kill between two of these leaves files of a shard that is not in the journal: it runs again and replaces
            # them.
            commit_file(out / name_of_file, partial.parent / name_of_file)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return counts, files


class RemoteDraft(Protocol):
    """A copy of finished shards outside the draft's machine, so that another machine can continue from them."""

    def begin_upload(self, folder: Path, entry: str, counts: Counts, files: list[ArtifactFile]) -> None:
        """Begin to copy a finished shard: its counts, and the files that it wrote into the draft."""

    def wait(self) -> None:
        """Block until every copy that was begun is complete. Raises the first error."""

    def restore_shards(self, folder: Path, known: Collection[str]) -> Iterator[tuple[str, Counts, list[ArtifactFile]]]:
        """Fetch the files of shards that the draft does not know, and yield each shard with its counts and files."""

    def remove_shards(self) -> None:
        """Remove the copies of finished shards."""


class Draft:
    """An artifact that is being built. Files and folders whose name begins with a dot do not become part of it.

    With a `remote`, shards that were finished on another machine count as finished here; no other file of the draft is
    carried over. So a shard may only rely on files of other shards, and on files that every start writes again.

    `counts` go into the manifest. `lineage` holds the manifests of all ancestors, each with its artifact's path.
    `incomplete_artifact` is the folder of the artifact that this build continues, when the previous build of the same
    key reported something missing: the build may copy from it, and ask only for what is missing.
    """

    def __init__(
        self, path: Path, lineage: list[dict[str, Any]] | None = None, remote: RemoteDraft | None = None
    ) -> None:
        self.path, self.remote = path, remote
        self.scratch = path / ".scratch"
        self.counts: Counts = {}
        self.lineage = lineage or []
        self.incomplete_artifact: Path | None = None
        self.incomplete_reasons: list[str] = []
        self.read_digests: dict[str, str] | None = None
        self.scratch.mkdir(parents=True, exist_ok=True)
        for leftover in path.glob(f"{PARTIAL}*"):  # of workers that were killed
            shutil.rmtree(leftover, ignore_errors=True)
        # A worker that has outlived a killed run finds its folder gone, and cannot write into this run's.
        self._partial = path / f"{PARTIAL}-{uuid.uuid4().hex[:8]}"
        self._journal = DraftJournal(path)
        for entry, counts, files in remote.restore_shards(path, self._journal.counts) if remote else ():
            self._journal.record(entry, counts, files)

    def report_incomplete(self, reason: str) -> None:
        """Say in a sentence what is missing and may still be had: "113 pages of example.org got no answer".

        The artifact is published and used all the same, and the next run of the stage builds it again, from
        `incomplete_artifact`. Report nothing that no later run can have.
        """
        if reason not in self.incomplete_reasons:
            self.incomplete_reasons.append(reason)

    @property
    def num_finished(self) -> int:
        """Number of finished shards, of this run and of a killed one that it continues."""
        return len(self._journal.counts)

    def map(
        self, function: Callable[..., Counts], shards: Mapping[str, tuple[Any, ...]], label: str = "shards"
    ) -> dict[str, Counts]:
        """Run `function(out, *args)` for each unfinished shard, and return the counts of all shards in order.

        `function` must be defined at the top of a module (workers import it); it writes its files under the folder
        `out` and returns JSON counts. `label` names the work in the progress bar. The first error cancels the shards
        that have not begun, and is raised; finished shards are kept.
        """
        # the function too: a stage may run several functions on the same shards
        journal_names = {f"{function.__name__}/{name}": name for name in shards}
        pending = [entry for entry in journal_names if entry not in self._journal.counts]
        if pending:
            self._partial.mkdir(exist_ok=True)
            with (
                open_executor(len(pending)) as pool,
                progress(len(shards), label, "shards", len(shards) - len(pending)) as bar,
            ):
                running: dict[Future[tuple[Counts, list[ArtifactFile]]], str] = {}
                for entry in pending:
                    name = journal_names[entry]
                    future = pool.submit(run_shard, function, self._partial, name, shards[name])
                    running[future] = entry
                    if future.done():  # it ran in this process: it is recorded before the next begins
                        self._collect({future: running.pop(future)}, bar)
                self._collect(running, bar)
            if self.remote:
                self.remote.wait()
        return {name: self._journal.counts[entry] for entry, name in journal_names.items()}

    def _collect(self, futures: dict[Future[tuple[Counts, list[ArtifactFile]]], str], bar: progress) -> None:
        failure: BaseException | None = None
        for future in as_completed(futures):
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                counts, files = future.result()
                # `run_shard` has moved the files into the draft before it returned, so the journal never names a shard
                # without files
                self._journal.record(futures[future], counts, files)
                if self.remote:
                    self.remote.begin_upload(self.path, futures[future], counts, files)
                bar.update()
            else:
                # shards that are running end and are recorded; `cancel` only takes back those that have not begun
                failure = failure or error
                for other in futures:
                    other.cancel()
        if failure is not None:
            raise failure

    def discard(self) -> None:
        """Remove the draft with its finished shards: they were made from what turned out to be corrupt."""
        remove_folder(self.path)
        if self.remote:
            self.remote.remove_shards()

    @contextlib.contextmanager
    def write(self, name: str) -> Iterator[Path]:
        """Yield a temporary path; when the block succeeds, the file is synced and renamed to `name` in the draft."""
        temporary = self._partial / f"{uuid.uuid4().hex[:8]}-{Path(name).name}"
        self._partial.mkdir(exist_ok=True)
        # after an error the temporary file stays, until the next start removes the folder
        yield temporary
        commit_file(temporary, self.path / name)
