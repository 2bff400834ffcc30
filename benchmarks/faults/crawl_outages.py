"""Outages of the site in the middle of a crawl: all pages in the end, or an artifact that says what is missing."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.faults.chain import run_chain, run_child
from benchmarks.faults.site_server import Outage, SiteServer, serve_folder
from flows.recipe import Recipe
from tasks.store import Store
from tests.flows import tiny

MAX_OUTAGE_SETTING = 4.0  # seconds that the crawl waits for a host that is away


class OutageResult(NamedTuple):
    """One outage and what the crawl made of it."""

    outage: str
    seconds: float
    num_missing: int
    state: str
    """complete, incomplete or failed: what the first run said"""
    faults: tuple[str, ...]


def make_web_recipe(address: str) -> Recipe:
    """Make the recipe of a crawl that waits for a host for some seconds only."""
    settings = tiny.settings_at(address)
    settings["crawl"]["source"]["web"] |= {"max_outage": MAX_OUTAGE_SETTING, "timeout": 1.0}
    return tiny.recipe(settings)


def crawl_pages(recipe: Recipe, store: Path) -> dict[str, str]:
    """Crawl, and return the digest of each page's content by its path, and what the manifest says is missing."""
    artifact = run_chain(recipe, store, "crawl")["crawl"]
    manifest = Store(store).manifest("crawl", artifact.key)
    assert manifest is not None
    rows = [
        row for file in sorted((artifact.folder / "index").glob("*.parquet")) for row in pq.read_table(file).to_pylist()
    ]
    pages = {f"page {row['url'].split('/', 3)[-1]}": row["digest"] for row in rows if row["status"] == 200}
    return pages | {"incomplete": "\n".join(manifest.incomplete)}


def select_pages(result: dict[str, str]) -> dict[str, str]:
    """Return the pages of a crawl's result."""
    return {name: digest for name, digest in result.items() if name.startswith("page ")}


def check_outage(
    server: SiteServer, work: Path, outage: Outage, after: int, seconds: float, expected: dict[str, str]
) -> OutageResult:
    """Take the site away in the middle of a crawl, and crawl again when it is back if the first run says so."""
    crawl = functools.partial(crawl_pages, make_web_recipe(server.address), work)
    server.start_outage(outage, after, seconds)
    first = run_child(crawl)
    faults: list[str] = []
    state = "failed" if first.failure else "incomplete" if first.digests.get("incomplete") else "complete"
    num_missing = len(select_pages(expected).keys() - select_pages(first.digests).keys())
    if first.traceback or first.exit_code:
        faults.append(first.traceback or f"ended with exit code {first.exit_code}")
    elif state == "complete" and num_missing:
        faults.append(f"said to be complete, without {num_missing} pages")
    if state != "complete":
        server.start_outage(outage, 10**9, 0)
        second = run_child(crawl)
        if select_pages(second.digests) != select_pages(expected) or second.digests.get("incomplete"):
            faults.append(f"not healed by the next run: {second.failure or second.traceback or 'pages are missing'}")
    return OutageResult(str(outage), seconds, num_missing, state, tuple(faults))


def check_outages(site: Path, work: Path, plan: list[tuple[Outage, int, float]]) -> Iterator[OutageResult]:
    """Crawl the site undisturbed, then once for each outage of the plan: kind, after how many answers, seconds."""
    with serve_folder(site) as server:
        undisturbed = run_child(functools.partial(crawl_pages, make_web_recipe(server.address), work / "undisturbed"))
        assert undisturbed.ended_well, undisturbed
        for number, (outage, after, seconds) in enumerate(plan):
            yield check_outage(server, work / f"{number}", outage, after, seconds, undisturbed.digests)
