"""The crawl stage: pages from a source into WARC files and their index."""

import time

from tasks.crawl.settings import Crawl
from tasks.crawl.summary import render_summary
from tasks.stage import stage
from tasks.store import Artifact, Draft


@stage("crawl", version=3, shares=("input_files", "runtime"))
def crawl(settings: Crawl, draft: Draft, *previous: Artifact) -> None:
    """Collect the pages of the chosen source and write a summary. `previous` holds at most the previous snapshot."""
    started = time.monotonic()
    tally = settings.source.chosen.collect(draft, settings.shards, previous[-1] if previous else None)
    seconds = time.monotonic() - started
    # pages that a killed run had stored say nothing about the speed of this one
    pages_per_second = (tally.answers - tally.resumed) / max(seconds, 1e-6)
    draft.counts.update(tally.to_dict(), seconds=round(seconds, 2), pages_per_second=round(pages_per_second, 1))
    with draft.write("summary.md") as path:
        path.write_text(render_summary(draft.counts, settings.snapshot))
