"""What a stage builds into: a folder that survives kill -9 with everything that was finished in it."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any

from tasks.engine import executor
from tasks.progress import progress

Counts = dict[str, Any]


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place(source: Path, target: Path) -> None:
    """Sync, then rename: a file is there whole or not at all, also after a power cut."""
    sync(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    sync(target.parent)


def run_shard(function: Callable[..., Counts], folder: Path, name: str, args: tuple[Any, ...]) -> Counts:
    """Run one shard in a folder of its own, then place its files into the draft. Runs in a worker."""
    out = folder / ".partial" / f"{name.replace('/', '-')}.{uuid.uuid4().hex[:8]}"
    out.mkdir(parents=True)
    try:
        counts = function(out, *args)
        for file in sorted(path for path in out.rglob("*") if path.is_file()):
            place(file, folder / file.relative_to(out))
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return counts


class Draft:
    """An artifact in the making. Files under dot-names are working state and never become part of the artifact."""

    def __init__(self, path: Path, lineage: list[Counts] | None = None) -> None:
        self.path = path
        self.scratch = path / ".scratch"
        self.counts: Counts = {}
        self.lineage = lineage or []
        self.scratch.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(path / ".partial", ignore_errors=True)  # what a killed worker had begun
        self._journal = path / ".journal.jsonl"
        self._shards = self._replayed()

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
            with executor(len(left)) as pool, progress(len(shards), label, "shards", len(shards) - len(left)) as bar:
                jobs = {entry: (journal_names[entry], shards[journal_names[entry]]) for entry in left}
                futures = {
                    pool.submit(run_shard, function, self.path, name, args): entry
                    for entry, (name, args) in jobs.items()
                }
                self._collect(futures, bar)
        return {name: self._shards[entry] for entry, name in journal_names.items()}

    def _collect(self, futures: dict[Future[Counts], str], bar: progress) -> None:
        failure: BaseException | None = None
        for future in as_completed(futures):
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                self._record(futures[future], future.result())
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
        temporary = self.path / ".partial" / f"{uuid.uuid4().hex[:8]}-{Path(name).name}"
        temporary.parent.mkdir(exist_ok=True)
        yield temporary
        place(temporary, self.path / name)

    def finished(self, name: str) -> bool:
        """Whether `write(name)` ended well before."""
        return (self.path / name).exists()
