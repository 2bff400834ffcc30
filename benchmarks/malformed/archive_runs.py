"""Archives with mutated pages and damaged records, and what crawl, extract and clean make of them."""

import gzip
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import zstandard

from benchmarks.malformed import mutations
from tasks.clean.settings import Clean
from tasks.clean.task import clean, extract
from tasks.crawl.settings import Crawl
from tasks.crawl.task import crawl
from tasks.runtime.executor import open_executor
from tasks.store import Artifact, Draft

PAGES_PER_ARCHIVE = 200
MAX_SECONDS = 10
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".warc.gz": lambda record: gzip.compress(record, 1, mtime=0),
    ".warc.zst": lambda record: zstandard.compress(record, 1),
    ".warc": lambda record: record,
}


class TimedDraft(Draft):
    """A draft that remembers how long each shard took."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seconds: list[float] = []

    def map(
        self, function: Callable[..., Any], shards: Mapping[str, tuple[Any, ...]], label: str = "shards"
    ) -> dict[str, Any]:
        """Run the shards, each timed."""
        named = {f"{function.__name__}-{name}": (function, *args) for name, args in shards.items()}
        results = super().map(run_timed, named, label)
        self.seconds += [result["seconds"] for result in results.values()]
        return {name: result["counts"] for name, result in zip(shards, results.values(), strict=True)}


def run_timed(out: Path, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
    """Run a shard, and say how long it took."""
    began = time.monotonic()
    counts = function(out, *args)
    return {"counts": counts, "seconds": time.monotonic() - began}


def make_record(number: int, kind: str, head: list[bytes], body: bytes) -> bytes:
    """Make a WARC record of an answer."""
    block = b"\r\n".join(head) + b"\r\n\r\n" + body
    fields = [
        "WARC/1.1",
        "WARC-Type: response",
        "WARC-Date: 2026-05-01T12:00:00Z",
        f"WARC-Target-URI: http://fuzz.test/{kind}/{number}",
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def write_mutated_pages(path: Path, seed: int, first: int, count: int, originals: list[Path]) -> None:
    """Write an archive of mutated pages, whole as an archive."""
    with path.open("wb") as file:
        for number in range(first, first + count):
            random_ = Random(f"{seed} page {number}")
            head, body = mutations.mutate_page(random_, random_.choice(originals).read_bytes())
            file.write(PACKERS[".warc.gz"](make_record(number, "page", head, body)))


def write_damaged_records(path: Path, seed: int, first: int, count: int, originals: list[Path]) -> None:
    """Write an archive in which every second record is damaged, or its packing is."""
    head = [b"HTTP/1.1 200 OK", b"Content-Type: text/html"]
    pack = next(packer for kind, packer in PACKERS.items() if path.name.endswith(kind))
    with path.open("wb") as file:
        for number in range(first, first + count):
            random_ = Random(f"{seed} record {number}")
            content = random_.choice(originals).read_bytes()[:5000]
            file.write(pack(make_record(number, "intact", head, b"<html><p>Intact page %d of the archive." % number)))
            whole = make_record(number, "damaged", head, content + b"<p>%d" % number)
            damage_packing = path.suffix != ".warc" and random_.random() < 0.5
            damaged = (
                mutations.damage_packed(random_, pack(whole))
                if damage_packing
                else pack(mutations.mutate_record(random_, whole))
            )
            file.write(damaged)


def write_archives(
    folder: Path, write: Callable[..., None], seed: int, count: int, kinds: list[str], originals: list[Path]
) -> None:
    """Write archives of so many pages, by worker processes."""
    folder.mkdir()
    firsts = range(0, count, PAGES_PER_ARCHIVE)
    with open_executor(len(firsts)) as pool:
        jobs = [
            pool.submit(
                write,
                folder / f"{first:06d}{kinds[first // PAGES_PER_ARCHIVE % len(kinds)]}",
                seed,
                first,
                min(PAGES_PER_ARCHIVE, count - first),
                originals,
            )
            for first in firsts
        ]
        for job in jobs:
            job.result()


class ArchiveRun:
    """The stages over a folder of archives, and what became of its pages."""

    def __init__(self, archives: Path, folder: Path) -> None:
        source = {"kind": "warc", "warc": {"path": str(archives), "on_error": "skip"}}
        settings = Clean.model_validate({"extract": {"timeout_seconds": MAX_SECONDS}})
        self.crashes: list[str] = []
        self.num_slow = 0
        self.pages = self._run_stage("crawl", crawl.build, Crawl.model_validate({"source": source}), folder)
        self.scored = self._run_stage("extract", extract.build, settings.extract_settings(), folder, self.pages)
        self.clean = self._run_stage("clean", clean.build, settings, folder, self.scored)

    def _run_stage(
        self, name: str, build: Callable[..., None], settings: Any, folder: Path, *inputs: TimedDraft
    ) -> TimedDraft:
        draft = TimedDraft(folder / name)
        artifacts = [Artifact(stage="", key="", digest="", path=str(previous.path)) for previous in inputs]
        try:
            build(settings, draft, *artifacts)
        except Exception as error:  # noqa: BLE001 - it is what this benchmark counts
            self.crashes.append(f"{name}: {type(error).__name__}: {error}")
        # a page that is slow to extract is named, whatever the rest of its shard took
        self.num_slow += sum(seconds > MAX_SECONDS for seconds in draft.seconds) if name != "extract" else 0
        return draft

    def count_urls(self, draft: TimedDraft, part: str) -> Counter[str]:
        """Count the URLs of all rows of a part of an artifact."""
        files = sorted((draft.path / part).glob("*.parquet"))
        return Counter(url for file in files for url in pq.read_table(file, columns=["url"])["url"].to_pylist())

    def count_fetched(self) -> Counter[str]:
        """Count the URLs that the index of the crawl names, also those of repeated pages."""
        return self.count_urls(self.pages, "index")

    @property
    def reasons(self) -> Counter[str]:
        """Why pages were not stored, or gave no document."""
        return Counter(self.pages.counts.get("skipped", {})) + Counter(self.scored.counts.get("failed", {}))

    @property
    def num_skipped(self) -> int:
        """Number of records that the crawl did not store."""
        return sum(self.pages.counts.get("skipped", {}).values())

    def count_lost(self) -> int:
        """Count pages that are neither documents nor named as failed, and documents neither kept nor dropped."""
        bodies = Counter(
            row["url"]
            for file in sorted((self.pages.path / "index").glob("*.parquet"))
            for row in pq.read_table(file, columns=["url", "status"]).to_pylist()
            if row["status"] == 200
        )
        documents = self.count_urls(self.scored, "documents")
        named = documents + self.count_urls(self.scored, "failed")
        judged = self.count_urls(self.clean, "documents") + self.count_urls(self.clean, "dropped")
        return sum(((bodies - named) + (named - bodies) + (documents - judged) + (judged - documents)).values())

    def count_unaccounted_records(self, count: int) -> int:
        """Count intact records that did not come through, and damaged ones neither there nor counted as skipped."""
        fetched = self.count_fetched()  # the URL of a damaged one may be damaged
        intact = sum(fetched[f"http://fuzz.test/intact/{number}"] > 0 for number in range(count))
        damaged = fetched.total() - intact
        return count - intact + max(count - damaged - self.num_skipped, 0) + self.count_lost()
