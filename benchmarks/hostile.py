"""What malformed pages, answers, URLs, archives, tables and files do to a run.

    python -m benchmarks.hostile [--quick | --smoke] [--seed N]

Everything goes the way of real input: a site over HTTP whose server follows no standard, tables and folders on disk,
archives as the `warc` source reads them with `on_error: skip`; then the stages' build functions with their worker
processes. Beside each malformed case lies an intact one, which must come through. The mutated pages start from the
documentation of the installed Python, or from the folder that TEXTMILL_HTML_CORPUS names.

- cases: what was malformed
- ended_badly: runs that did not end well, and pages that ended the process that read them
- crashes: of these, the errors of archives and pages
- hangs: pages that took more than 10 seconds to extract, shards of 200 pages that took as long in another stage
- unaccounted: cases that are neither there nor named or counted as a loss, and intact ones that did not come through
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.malformed.archive_runs import (
    PACKERS,
    ArchiveRun,
    write_archives,
    write_damaged_records,
    write_mutated_pages,
)
from benchmarks.malformed.label_runs import read_data_sets
from benchmarks.malformed.source_runs import RunResult, crawl_folder, crawl_site, crawl_tables
from benchmarks.pages import make_html_pages
from benchmarks.report import Scale, add_scale_options, print_result, print_table, print_versions
from flows.demo_site.render import render_modules
from flows.demo_site.select_modules import STDLIB, select_modules
from tasks.runtime.executor import num_workers

CASES = {
    Scale.FULL: {"pages": 4000, "records": 3000, "site": 1500, "tables": 1500, "folder": 500, "labels": 500},
    Scale.QUICK: {"pages": 100, "records": 80, "site": 80, "tables": 80, "folder": 40, "labels": 40},
    Scale.SMOKE: {"pages": 20, "records": 10, "site": 12, "tables": 8, "folder": 6, "labels": 6},
}


def find_original_pages(folder: Path, scale: Scale) -> list[Path]:
    """Find HTML files to start from; for a smoke run, make some small ones."""
    if scale is Scale.SMOKE:
        folder.mkdir()
        for number, page in enumerate(make_html_pages(10).values()):
            (folder / f"{number}.html").write_text(page, encoding="utf-8")
    elif corpus := os.environ.get("TEXTMILL_HTML_CORPUS"):
        return sorted(Path(corpus, "html").rglob("*.html"))[::97]
    else:
        render_modules(folder, {STDLIB: select_modules()[STDLIB][::2]}, num_workers())
    return sorted(folder.rglob("*.html"))


class ArchiveResults:
    """The two runs over archives: mutated pages, and damaged records."""

    def __init__(self, folder: Path, seed: int, num_pages: int, num_records: int, originals: list[Path]) -> None:
        self.num_pages, self.num_records = num_pages, num_records
        write_archives(folder / "pages", write_mutated_pages, seed, num_pages, [".warc.gz"], originals)
        write_archives(folder / "records", write_damaged_records, seed, num_records, list(PACKERS), originals)
        self.pages = ArchiveRun(folder / "pages", folder / "of-pages")
        self.records = ArchiveRun(folder / "records", folder / "of-records")

    def as_results(self) -> list[RunResult]:
        """Return what became of the pages, and of the records."""
        num_unread = self.num_pages - self.pages.count_fetched().total() - self.pages.num_skipped
        lost_pages = abs(num_unread) + self.pages.count_lost()
        lost_records = self.records.count_unaccounted_records(self.num_records)
        return [
            RunResult("mutated pages", self.num_pages, list_bad_ends(self.pages), lost_pages, self.pages.reasons),
            RunResult(
                "damaged records", self.num_records, list_bad_ends(self.records), lost_records, self.records.reasons
            ),
        ]

    @property
    def num_hangs(self) -> int:
        """Number of pages and shards that took too long."""
        runs = (self.pages, self.records)
        reasons = self.pages.reasons + self.records.reasons
        too_slow = sum(count for reason, count in reasons.items() if reason.startswith("takes more than"))
        return too_slow + sum(run.num_slow for run in runs)


def list_bad_ends(run: ArchiveRun) -> list[str]:
    """List stages that failed, pages that ended the process that read them, and errors that nobody foresaw."""
    pages = [
        f"{count} pages: {reason}"
        for reason, count in run.reasons.items()
        if reason.startswith(("ends the process", "error "))
    ]
    return [*run.crashes, *pages]


def main() -> None:
    """Run every kind of case and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_scale_options(parser)
    parser.add_argument("--seed", type=int, default=20261122, help="another seed draws other cases")
    options = parser.parse_args()
    cases = CASES[options.scale]
    print_versions("fastwarc", "resiliparse", "scrapy", "zstandard")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = find_original_pages(folder / "originals", options.scale)
        archives = ArchiveResults(folder, options.seed, cases["pages"], cases["records"], originals)
        archive_results = archives.as_results()
        results = [
            *archive_results,
            crawl_site(folder / "site", options.seed, cases["site"]),
            crawl_tables(folder / "of-tables", options.seed, cases["tables"]),
            crawl_folder(folder / "of-folder", options.seed, cases["folder"]),
            read_data_sets(folder / "labels", options.seed, cases["labels"]),
        ]
    print_table(
        ["malformed", "cases", "ended badly", "unaccounted"],
        [(result.kind, result.cases, len(result.ended_badly), result.unaccounted) for result in results],
    )
    reasons = sum((Counter(result.reasons) for result in results), Counter[str]())
    print_table(["not stored, or no document, because", "cases"], reasons.most_common())
    print(*(error for result in results for error in result.ended_badly), sep="\n")
    print(f"seed {options.seed}, {time.monotonic() - began:,.0f} s with {num_workers()} workers")
    figures = {
        "cases": sum(result.cases for result in results),
        "ended_badly": sum(len(result.ended_badly) for result in results),
        "crashes": sum(len(result.ended_badly) for result in archive_results),
        "hangs": archives.num_hangs,
        "unaccounted": sum(result.unaccounted for result in results),
    }
    print_result("hostile", {}, figures)


if __name__ == "__main__":
    main()
