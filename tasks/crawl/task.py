"""The crawl stage: pages from a source into WARC files and their index."""

import time

from tasks.crawl.settings import Crawl
from tasks.crawl.summary import render_summary
from tasks.stage import stage
from tasks.store import Artifact, Draft


@stage("crawl", version=2)
def crawl(settings: Crawl, draft: Draft, *earlier: Artifact) -> None:
    """Collect the pages, and say what came of it. `earlier` holds at most the snapshot before this one."""
    started = time.monotonic()
    tally = settings.source.chosen.collect(draft, settings.shards, earlier[-1] if earlier else None)
    seconds = time.monotonic() - started
    pace = (tally.answers - tally.resumed) / max(seconds, 1e-6)
    draft.counts.update(tally.counts(), seconds=round(seconds, 2), pages_per_second=round(pace, 1))
    with draft.write("summary.md") as path:
        path.write_text(render_summary(draft.counts, settings.snapshot))
