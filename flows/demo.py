"""The demo: the documentation of the installed Python and its packages becomes an evaluated language model."""

import time
from pathlib import Path

from flows.chain import Choice
from flows.demo_site import render, serve
from flows.live import ended, run_pipeline
from flows.recipe import recipe_of
from tasks.engine import num_workers
from tasks.store import Store

RECIPE = Path(__file__).parents[1] / "deployments" / "recipes" / "demo.yaml"


def demo(port: int | None) -> int:
    """Render and serve the site, run the pipeline on it, print what came out. Raises StageFailure."""
    started = time.time()
    Store.current().prepare()
    site = Store.current().root / ".demo-site"
    with serve(site, port) as url:  # first, since rendering takes a minute and the port may be taken
        pages = render(site, num_workers())
        print(f"{pages:,} pages of documentation at {url}", flush=True)
        artifacts = run_pipeline(recipe_of(RECIPE, at(url)), Choice())
    print(f"\n{ended(artifacts, started)}\n")
    print(without_pictures((artifacts[-1].part("summary.md") / "summary.md").read_text()))
    return 0


def at(url: str) -> list[str]:
    """The changes that point the demo's recipe at the served site, and at no other port of this machine."""
    return [f"crawl.source.web.seeds=[{url}]", f"crawl.source.web.hosts=['{url.split('/')[2]}']"]


def without_pictures(markdown: str) -> str:
    """A summary as a terminal can show it."""
    return "\n".join(line for line in markdown.splitlines() if not line.startswith("![")).strip()
