"""What 100,000 mutated pages and 10,000 mutated WARC records do to crawl, extract and clean.

They go the way of all pages: archives on disk, the `warc` source with `on_error: skip`, the stages' build functions
with their worker processes. The pages come from the documentation of the installed Python, or from the folder that
TEXTMILL_HTML_CORPUS names.

- crashes: stages that failed, pages that ended the process that read them, errors that nobody foresaw
- hangs: pages that took more than 10 seconds to extract, shards of 200 pages that took as long in another stage
- unaccounted: pages that are neither a document nor named or counted as a loss; of the archives with damaged records
  also every intact record that did not come through
"""

import gzip
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard

from benchmarks import mutations
from benchmarks.pages import make_html_pages
from benchmarks.report import Scale, print_result, print_table, print_versions, read_scale
from flows.demo_site.render import render_modules
from flows.demo_site.select_modules import STDLIB, select_modules
from tasks.clean.settings import Clean
from tasks.clean.task import clean, extract
from tasks.crawl.settings import Crawl
from tasks.crawl.task import crawl
from tasks.runtime.executor import num_workers, open_executor
from tasks.store import Artifact, Draft

SEED = 20261122
PAGES = {Scale.FULL: 100_000, Scale.QUICK: 2_500, Scale.SMOKE: 60}
RECORDS = {Scale.FULL: 10_000, Scale.QUICK: 250, Scale.SMOKE: 30}
AN_ARCHIVE = 200  # pages
LIMIT = 10  # seconds
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".warc.gz": lambda record: gzip.compress(record, 1, mtime=0),
    ".warc.zst": lambda record: zstandard.compress(record, 1),
    ".warc": lambda record: record,
}


class Timed(Draft):
    """A draft that remembers how long each shard took."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seconds: list[float] = []

    def map(
        self, function: Callable[..., Any], shards: Mapping[str, tuple[Any, ...]], label: str = "shards"
    ) -> dict[str, Any]:
        named = {f"{function.__name__}-{name}": (function, *args) for name, args in shards.items()}
        found = super().map(timed, named, label)
        self.seconds += [each["seconds"] for each in found.values()]
        return {name: each["counts"] for name, each in zip(shards, found.values(), strict=True)}


def timed(out: Path, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
    """Run a shard, and say how long it took."""
    began = time.monotonic()
    counts = function(out, *args)
    return {"counts": counts, "seconds": time.monotonic() - began}


def real_pages(folder: Path) -> list[Path]:
    """HTML files to start from."""
    if given := os.environ.get("TEXTMILL_HTML_CORPUS"):
        return sorted(Path(given, "html").rglob("*.html"))[::97]
    render_modules(folder, {STDLIB: select_modules()[STDLIB][::2]}, num_workers())
    return sorted(folder.rglob("*.html"))


def made_pages(folder: Path) -> list[Path]:
    """Some small HTML files to start from."""
    folder.mkdir()
    for number, page in enumerate(make_html_pages(10).values()):
        (folder / f"{number}.html").write_text(page, encoding="utf-8")
    return sorted(folder.iterdir())


def record(number: int, kind: str, head: list[bytes], body: bytes) -> bytes:
    block = b"\r\n".join(head) + b"\r\n\r\n" + body
    named = [
        "WARC/1.1",
        "WARC-Type: response",
        "WARC-Date: 2026-05-01T12:00:00Z",
        f"WARC-Target-URI: http://fuzz.test/{kind}/{number}",
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join(named).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def write_pages(path: Path, first: int, count: int, originals: list[Path]) -> None:
    """An archive of mutated pages, whole as an archive."""
    with path.open("wb") as file:
        for number in range(first, first + count):
            draw = random.Random(f"{SEED} page {number}")
            head, body = mutations.page(draw, draw.choice(originals).read_bytes())
            file.write(PACKERS[".warc.gz"](record(number, "page", head, body)))


def write_records(path: Path, first: int, count: int, originals: list[Path]) -> None:
    """An archive in which every second record is damaged, or its packing is."""
    head = [b"HTTP/1.1 200 OK", b"Content-Type: text/html"]
    packer = next(packer for kind, packer in PACKERS.items() if path.name.endswith(kind))
    with path.open("wb") as file:
        for number in range(first, first + count):
            draw = random.Random(f"{SEED} record {number}")
            content = draw.choice(originals).read_bytes()[:5000]
            file.write(packer(record(number, "intact", head, b"<html><p>Intact page %d of the archive." % number)))
            whole = record(number, "damaged", head, content + b"<p>%d" % number)
            is_packed = path.suffix != ".warc" and draw.random() < 0.5
            file.write(mutations.packed(draw, packer(whole)) if is_packed else packer(mutations.record(draw, whole)))


def written(folder: Path, write: Callable[..., None], count: int, kinds: list[str], originals: list[Path]) -> None:
    """Archives of so many pages, by worker processes."""
    folder.mkdir()
    firsts = range(0, count, AN_ARCHIVE)
    with open_executor(len(firsts)) as pool:
        jobs = [
            pool.submit(
                write,
                folder / f"{first:06d}{kinds[first // AN_ARCHIVE % len(kinds)]}",
                first,
                min(AN_ARCHIVE, count - first),
                originals,
            )
            for first in firsts
        ]
        for job in jobs:
            job.result()


class Run:
    """The stages over a folder of archives, and what became of its pages."""

    def __init__(self, archives: Path, folder: Path) -> None:
        source = {"kind": "warc", "warc": {"path": str(archives), "on_error": "skip"}}
        settings = Clean.model_validate({"extract": {"timeout_seconds": LIMIT}})
        self.crashes: list[str] = []
        self.slow = 0
        self.pages = self._stage("crawl", crawl.build, Crawl.model_validate({"source": source}), folder)
        self.scored = self._stage("extract", extract.build, settings.extract_settings(), folder, self.pages)
        self.clean = self._stage("clean", clean.build, settings, folder, self.scored)

    def _stage(self, name: str, build: Callable[..., None], settings: Any, folder: Path, *inputs: Timed) -> Timed:
        draft = Timed(folder / name)
        try:
            build(settings, draft, *(Artifact(stage="", key="", digest="", path=str(each.path)) for each in inputs))
        except Exception as error:  # noqa: BLE001 - it is what this benchmark counts
            self.crashes.append(f"{name}: {type(error).__name__}: {error}")
        # a page that is slow to extract is named, whatever the rest of its shard took
        self.slow += sum(seconds > LIMIT for seconds in draft.seconds) if name != "extract" else 0
        return draft

    def urls(self, draft: Timed, part: str) -> Counter[str]:
        """Of all rows of a part of an artifact."""
        files = sorted((draft.path / part).glob("*.parquet"))
        return Counter(url for file in files for url in pq.read_table(file, columns=["url"])["url"].to_pylist())

    def fetch(self) -> Counter[str]:
        """Addresses that the index of the crawl names, also those of repeated pages."""
        return self.urls(self.pages, "index")

    def skipped(self) -> dict[str, int]:
        """What the crawl did not store."""
        return dict(self.pages.counts.get("skipped", {}))

    def failed(self) -> dict[str, int]:
        """Pages that gave no document."""
        return dict(self.scored.counts.get("failed", {}))

    def lost(self) -> int:
        """Pages of the crawl that are neither documents nor named as failed; documents neither kept nor dropped."""
        bodies = Counter(
            row["url"]
            for file in sorted((self.pages.path / "index").glob("*.parquet"))
            for row in pq.read_table(file, columns=["url", "status"]).to_pylist()
            if row["status"] == 200
        )
        documents = self.urls(self.scored, "documents")
        named = documents + self.urls(self.scored, "failed")
        judged = self.urls(self.clean, "documents") + self.urls(self.clean, "dropped")
        return sum(((bodies - named) + (named - bodies) + (documents - judged) + (judged - documents)).values())


def unaccounted_records(run: Run, count: int) -> int:
    """Intact records that did not come through, and damaged ones that are neither there nor counted as skipped."""
    fetched = run.fetch()  # the address of a damaged one may be damaged
    intact = sum(fetched[f"http://fuzz.test/intact/{number}"] > 0 for number in range(count))
    damaged = fetched.total() - intact
    return count - intact + max(count - damaged - sum(run.skipped().values()), 0) + run.lost()


def main() -> None:
    scale = read_scale(__doc__)
    num_pages, num_records = PAGES[scale], RECORDS[scale]
    print_versions("fastwarc", "resiliparse", "zstandard")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = (made_pages if scale is Scale.SMOKE else real_pages)(folder / "site")
        written(folder / "pages", write_pages, num_pages, [".warc.gz"], originals)
        written(folder / "records", write_records, num_records, list(PACKERS), originals)
        print(
            f"{num_pages:,} mutations of {len(originals)} pages, {num_records:,} of records, limit {LIMIT} s a page\n"
        )
        began = time.monotonic()
        pages = Run(folder / "pages", folder / "of-pages")
        records = Run(folder / "records", folder / "of-records")
        seconds = time.monotonic() - began
        unread = num_pages - pages.fetch().total() - sum(pages.skipped().values())
        unaccounted = abs(unread) + pages.lost() + unaccounted_records(records, num_records)
    reasons = (
        Counter(pages.skipped()) + Counter(records.skipped()) + Counter(pages.failed()) + Counter(records.failed())
    )
    documents = sum(run.scored.counts.get("documents", 0) for run in (pages, records))
    print_table(["what became of them", "pages"], [("documents", documents), *reasons.most_common()])
    crashes = [*pages.crashes, *records.crashes]
    print(*crashes, f"{seconds:,.0f} s with {num_workers()} workers", sep="\n")
    figures = {
        "crashes": len(crashes)
        + sum(n for why, n in reasons.items() if why.startswith(("ends the process", "error "))),
        "hangs": pages.slow + records.slow + sum(n for why, n in reasons.items() if why.startswith("takes more than")),
        "unaccounted": unaccounted,
    }
    print_result("fuzz", {}, figures)


if __name__ == "__main__":
    main()
