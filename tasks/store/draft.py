"""What a stage builds into: a folder that survives kill -9 with everything that was finished in it."""

import contextlib
import json
import os
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

Counts = dict[str, Any]
PARTIAL = ".partial"


def fsync_path(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def commit_file(source: Path, target: Path) -> None:
    """Sync, then rename: a file is there whole or not at all, also after a power cut."""
    fsync_path(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    fsync_path(target.parent)


def run_shard(
    function: Callable[..., Counts], partial: Path, name: str, args: tuple[Any, ...]
) -> tuple[Counts, list[str]]:
    """Run one shard in a folder of its own, then place its files into the draft. Runs in a worker.

    Its counts, and the names of its files. `partial` lies in the draft, and only this run made it: a worker that does
    not see it is on a machine with other files.
    """
    out = partial / f"{name.replace('/', '-')}.{uuid.uuid4().hex[:8]}"
    try:
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
        for each in names:
            commit_file(out / each, partial.parent / each)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return counts, names


class RemoteDraft(Protocol):
    """Where finished shards are kept beside the draft, so that another machine can go on from them."""

    def keep(self, folder: Path, entry: str, counts: Counts, names: list[str]) -> None:
        """Begin to keep a finished shard: its counts, and the files of the draft that it wrote."""

    def wait(self) -> None:
        """Until all that was begun is kept. Raises what went wrong."""

    def restore_shards(self, folder: Path, known: Collection[str]) -> Iterator[tuple[str, Counts]]:
        """Bring into the draft the files of shards that it does not know, and yield each with its counts."""


class Draft:
    """An artifact in the making. Files under dot-names are working state and never become part of the artifact.

    With a `backup`, shards that were finished on another machine are finished here, while all else that the draft held
    there is not here. So a shard may count on files of other shards, and on what is made anew at every start.
    """

    def __init__(self, path: Path, lineage: list[Counts] | None = None, backup: RemoteDraft | None = None) -> None:
        self.path, self.backup = path, backup
        self.scratch = path / ".scratch"
        self.counts: Counts = {}
        self.lineage = lineage or []
        self.scratch.mkdir(parents=True, exist_ok=True)
        for left in path.glob(f"{PARTIAL}*"):  # what a killed worker had begun
            shutil.rmtree(left, ignore_errors=True)
        self._partial = path / f"{PARTIAL}-{uuid.uuid4().hex[:8]}"
        self._journal = path / ".journal.jsonl"
        self._shards = self._replayed()
        for entry, counts in backup.restore_shards(path, self._shards) if backup else ():
            self._record(entry, counts)

    def _replayed(self) -> dict[str, Counts]:
        shards: dict[str, Counts] = {}
        if self._journal.exists():
            for line in self._journal.read_text().splitlines():
                with contextlib.suppress(json.JSONDecodeError):  # the last line may be torn: that shard runs again
                    entry = json.loads(line)
                    shards[entry["shard"]] = entry["counts"]
        return shards

    @property
    def num_finished(self) -> int:
        """Shards that were finished before, by this run or by one that was killed."""
        return len(self._shards)

    def map(
        self, function: Callable[..., Counts], shards: Mapping[str, tuple[Any, ...]], label: str = "shards"
    ) -> dict[str, Counts]:
        """Run `function(out, *args)` for each shard that is not finished yet, and return every shard's counts in order.

        `function` is defined at the top of a module, writes its files under the folder `out` and returns JSON counts.
        The first error cancels what has not begun and is raised; what was finished stays.
        """
        journal_names = {f"{function.__name__}/{name}": name for name in shards}
        left = [entry for entry in journal_names if entry not in self._shards]
        if left:
            self._partial.mkdir(exist_ok=True)
            with (
                open_executor(len(left)) as pool,
                progress(len(shards), label, "shards", len(shards) - len(left)) as bar,
            ):
                running: dict[Future[tuple[Counts, list[str]]], str] = {}
                for entry in left:
                    name = journal_names[entry]
                    future = pool.submit(run_shard, function, self._partial, name, shards[name])
                    running[future] = entry
                    if future.done():  # it ran in this process: it is recorded before the next begins
                        self._collect({future: running.pop(future)}, bar)
                self._collect(running, bar)
            if self.backup:
                self.backup.wait()
        return {name: self._shards[entry] for entry, name in journal_names.items()}

    def _collect(self, futures: dict[Future[tuple[Counts, list[str]]], str], bar: progress) -> None:
        failure: BaseException | None = None
        for future in as_completed(futures):
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                counts, names = future.result()
                self._record(futures[future], counts)
                if self.backup:
                    self.backup.keep(self.path, futures[future], counts, names)
                bar.update()
            else:
                failure = failure or error
                for other in futures:
                    other.cancel()
        if failure is not None:
            raise failure

    def _record(self, entry: str, counts: Counts) -> None:
        with self._journal.open("a") as journal:
            # a torn line from before a kill must not swallow this one
            journal.write("\n" * (journal.tell() > 0) + json.dumps({"shard": entry, "counts": counts}))
            journal.flush()
            os.fsync(journal.fileno())
        self._shards[entry] = counts

    @contextlib.contextmanager
    def write(self, name: str) -> Iterator[Path]:
        """A temporary path; when the block ends well, it is synced and renamed to `name` in the draft."""
        temporary = self._partial / f"{uuid.uuid4().hex[:8]}-{Path(name).name}"
        self._partial.mkdir(exist_ok=True)
        yield temporary
        commit_file(temporary, self.path / name)

    def is_complete(self, name: str) -> bool:
        """Whether `write(name)` ended well before."""
        return (self.path / name).exists()
