"""The demo: the documentation of the installed Python and its packages becomes an evaluated language model."""

import time
from pathlib import Path

import yaml

from flows.cli.run import ended, run_pipeline
from flows.demo_site import render, serve
from flows.graph import Choice
from flows.recipe import loaded, recipe_of
from tasks.runtime.executor import num_workers
from tasks.store import Store

RECIPE = Path(__file__).parents[2] / "deployments" / "recipes" / "demo.yaml"


def demo(port: int | None) -> int:
    """Render and serve the site, run the pipeline on it, print what came out. Raises StageFailure."""
    started = time.time()
    Store.current().prepare()
    site = Store.current().root / ".demo-site"
    with serve(site, port) as url:  # first, since rendering takes a minute and the port may be taken
        pages = render(site, num_workers())
        print(f"{pages:,} pages of documentation at {url}", flush=True)
        recipe = write_recipe(Store.current().root / "demo.yaml", url)
        artifacts = run_pipeline(recipe_of(recipe), Choice())
    print(f"\n{ended(artifacts, started)}\n\nits recipe, for plan and run: --recipe {recipe}")
    return 0


def write_recipe(file: Path, url: str) -> Path:
    """The demo's recipe, pointed at the served site and at no other port of this machine: a later `plan` needs it."""
    settings = loaded(RECIPE)
    settings["crawl"]["source"]["web"] |= {"seeds": [url], "hosts": [url.split("/")[2]]}
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return file
