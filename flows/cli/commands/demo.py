"""`textmill demo`: the documentation of the installed Python and its packages becomes an evaluated language model."""

import argparse
import time
from pathlib import Path

import yaml

import flows

HELP = "from this Python's documentation to an evaluated model, offline, in some minutes"
# beside the site and not with the other recipes, so that a wheel contains it
DEMO_RECIPE = Path(flows.__file__).parent / "demo_site" / "recipe.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the port of the demo's web site."""
    parser.add_argument(
        "--port", type=int, help="where the site is served on 127.0.0.1 (default: TEXTMILL_DEMO_PORT, else 8420)"
    )


def run_command(arguments: argparse.Namespace) -> int:
    """Render and serve the site, run the pipeline on it, and print what was built. Raises StageFailure."""
    from flows.cli.run_summary import finish_run
    from flows.cli.start_flows import run_pipeline
    from flows.demo_site import render_site, serve_site
    from flows.graph import StageSelection
    from flows.recipe import load_recipe
    from tasks.runtime.executor import num_workers
    from tasks.store import Store

    started = time.time()
    Store.current().prepare()
    folder = Store.current().root / ".demo-site"
    # the server first: rendering takes a minute, and the port may be taken
    with serve_site(folder, arguments.port) as url:
        num_pages = render_site(folder, num_workers())
        print(f"{num_pages:,} pages of documentation at {url}", flush=True)
        recipe = write_demo_recipe(Store.current().root / "demo.yaml", url)
        artifacts = run_pipeline(load_recipe(recipe), StageSelection())
    print()
    code = finish_run(artifacts, started)
    print(f"\nits recipe, for plan and run: --recipe {recipe}")
    return code


def write_demo_recipe(file: Path, url: str) -> Path:
    """Write the demo's recipe with the address of the served site, which a later `plan` needs."""
    from flows.recipe import load_recipe_file

    settings = load_recipe_file(DEMO_RECIPE)
    settings["crawl"]["source"]["web"] |= {"seeds": [url], "hosts": [url.split("/")[2]]}
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return file
