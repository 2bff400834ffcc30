"""Crawls of what is malformed, from a site, tables and folders, each compared with what must come through."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from benchmarks.malformed.answers import draw_answer
from benchmarks.malformed.folders import write_folder
from benchmarks.malformed.site import answer_missing, answer_page, serve_answers
from benchmarks.malformed.tables import write_tables
from benchmarks.malformed.urls import draw_links
from tasks.clean.settings import Clean
from tasks.clean.task import extract
from tasks.crawl.settings import Crawl
from tasks.crawl.task import crawl
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

PAGE_NUMBER = re.compile(r"page-(\d+)")


class RunResult(NamedTuple):
    """What became of the cases of one kind."""

    kind: str
    cases: int
    ended_badly: list[str]
    """what ended a run: an error that is not explained, or one although everything odd was to be skipped"""
    unaccounted: int
    """cases that are neither there nor counted, and intact ones that did not come through"""
    reasons: dict[str, int]


def build_stage(build: Callable[..., None], settings: Any, draft: Draft, *inputs: Draft) -> list[str]:
    """Build a stage; return what ended it badly."""
    artifacts = [Artifact(stage="", key="", digest="", path=str(previous.path)) for previous in inputs]
    try:
        build(settings, draft, *artifacts)
    except StageFailure as error:
        return [f"{draft.path.name}: {error}"]
    except Exception as error:  # noqa: BLE001 - it is what this benchmark counts
        return [f"{draft.path.name}: not explained: {type(error).__name__}: {error}"]
    return []


def read_urls(draft: Draft, part: str = "index") -> list[str]:
    """Read the URLs of a part of an artifact."""
    files = sorted((draft.path / part).glob("*.parquet"))
    return [url for file in files for url in pq.read_table(file, columns=["url"])["url"].to_pylist()]


def read_texts(draft: Draft) -> str:
    """Read the texts of all documents as one."""
    files = sorted((draft.path / "documents").glob("*.parquet"))
    return "\n".join(text for file in files for text in pq.read_table(file, columns=["text"])["text"].to_pylist())


def crawl_site(folder: Path, seed: int, num_cases: int) -> RunResult:
    """Crawl a site of which one page in four has a malformed answer, and one in four is full of malformed URLs.

    The other half must be fetched: an intact page beside each answer, and one that only the malformed URLs' page names.
    """
    numbers = range(num_cases // 2)

    def make_answers(address: str) -> Callable[[str], bytes]:
        index = "".join(
            f'<a href="/answer/{number}">a</a><a href="/intact/{number}">i</a><a href="/urls/{number}">u</a>'
            for number in numbers
        )

        def answer(path: str) -> bytes:
            _, kind, number = [*path.split("/"), "", ""][:3]
            random_ = Random(f"{seed} {path}")
            if path == "/":
                return answer_page(f"<html><body>{index}</body></html>")
            if not number.isdecimal() or int(number) not in numbers:
                return answer_missing()
            text = f"<p>The page {kind} {number} of a site, with some words in it.</p>"
            if kind == "answer":
                return draw_answer(random_, f"<html><body>{text}</body></html>".encode())
            if kind == "urls":
                return answer_page(
                    draw_links(random_, f"{address}/behind/{number}").replace("</body>", text + "</body>")
                )
            return (
                answer_page(f"<html><body>{text}</body></html>") if kind in ("intact", "behind") else answer_missing()
            )

        return answer

    pages = Draft(folder / "crawl")
    with serve_answers(make_answers) as address:
        web = {
            "seeds": [f"{address}/"], "max_pages": 100_000, "delay": 0, "autothrottle_target": 0, "retry_wait": 0.01,
            "max_concurrency_per_host": 8, "max_retries": 1, "timeout": 5, "max_megabytes": 2, "max_outage": 5,
        }  # fmt: skip
        settings = Crawl.model_validate({"source": {"kind": "web", "web": web}})
        ended_badly = build_stage(crawl.build, settings, pages)
    documents = Draft(folder / "extract")
    if not ended_badly:
        ended_badly = build_stage(extract.build, Clean().extract_settings(), documents, pages)
    paths = {urlsplit(url).path for url in read_urls(pages)}
    expected = {f"/{kind}/{number}" for kind in ("intact", "urls", "behind") for number in numbers}
    odd = {f"/answer/{number}" for number in numbers}
    skipped = pages.counts.get("skipped", {})
    unaccounted = len(expected - paths) + max(len(odd - paths) - sum(skipped.values()), 0)
    return RunResult("answers and links of a site", 2 * len(numbers), ended_badly, unaccounted, skipped)


def crawl_tables(folder: Path, seed: int, num_cases: int) -> RunResult:
    """Read tables in which every second row is odd."""
    num_intact, num_odd = write_tables(folder / "tables", Random(f"{seed} tables"), num_cases)
    files = {"path": str(folder / "tables"), "on_error": "skip"}
    pages = Draft(folder / "crawl")
    settings = Crawl.model_validate({"source": {"kind": "files", "files": files}})
    ended_badly = build_stage(crawl.build, settings, pages)
    urls = read_urls(pages)
    intact = sum(url.startswith("http://tables.test/intact/") for url in urls)
    skipped = pages.counts.get("skipped", {})
    unaccounted = num_intact - intact + max(num_odd - (len(urls) - intact) - sum(skipped.values()), 0)
    return RunResult("rows of tables", num_odd, ended_badly, unaccounted, skipped)


def crawl_folder(folder: Path, seed: int, num_cases: int) -> RunResult:
    """Read a folder of pages with odd names, among things that are no pages."""
    num_pages, num_odd = write_folder(folder / "pages", Random(f"{seed} folder"), num_cases)
    files = {"path": str(folder / "pages"), "on_error": "skip"}
    pages, documents = Draft(folder / "crawl"), Draft(folder / "extract")
    settings = Crawl.model_validate({"source": {"kind": "files", "files": files}})
    ended_badly = build_stage(crawl.build, settings, pages)
    if not ended_badly:
        ended_badly = build_stage(extract.build, Clean().extract_settings(), documents, pages)
    num_seen = len({int(number) for number in PAGE_NUMBER.findall(read_texts(documents))})
    skipped = pages.counts.get("skipped", {})
    num_extra = len(read_urls(pages)) - num_pages
    unaccounted = num_pages - num_seen + max(num_odd - max(num_extra, 0) - sum(skipped.values()), 0)
    return RunResult("names and files of a folder", num_pages + num_odd, ended_badly, unaccounted, skipped)
