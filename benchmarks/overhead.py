"""What orchestration costs: a rerun with everything cached, and the part of a run that is not stage work.

    python -m benchmarks.overhead [--quick | --smoke]

The whole demo by default (some ten minutes), a small site with --quick and --smoke. The server's start is reported
apart: a team has one running. There is no peer: what the rest is compared with is the stage work of the same run.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import flows  # noqa: F401 - sets what Prefect reads when it is first imported
from benchmarks.report import Scale, print_result, print_table, print_versions, read_scale, spread

if TYPE_CHECKING:
    from flows.recipe import Recipe

RERUNS = {Scale.FULL: 5, Scale.QUICK: 5, Scale.SMOKE: 1}


class Seconds(NamedTuple):
    """Wall time of the server's start, of the first run, of the stages in it, and of each cached rerun."""

    server: float
    first: float
    work: float
    cached: list[float]


def main() -> None:
    """Print the table and the figures."""
    scale = read_scale(__doc__)
    from prefect.testing.utilities import prefect_test_harness

    from flows.cli.commands.demo import write_demo_recipe
    from flows.demo_site import render_site, serve_site
    from flows.recipe import load_recipe
    from tasks.runtime.executor import num_workers
    from tests.flows import tiny

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TEXTMILL_STORE"] = str(folder / "store")
        site = folder / "site"
        render_site(site, num_workers()) if scale is Scale.FULL else tiny.build(site)
        with serve_site(site, 0) as url:
            recipe = (
                load_recipe(write_demo_recipe(folder / "demo.yaml", url))
                if scale is Scale.FULL
                else tiny.recipe(tiny.settings_at(url))
            )
            began = time.perf_counter()
            with prefect_test_harness(server_startup_timeout=120):
                seconds = measured(recipe, time.perf_counter() - began, RERUNS[scale])
    cached = spread(seconds.cached)
    share = 1 - seconds.work / seconds.first
    print_versions("prefect")
    print_table(
        ["what", "seconds"],
        [
            ["Prefect server's start", f"{seconds.server:.1f}"],
            ["first run", f"{seconds.first:.1f}"],
            ["of it stage work", f"{seconds.work:.1f}"],
            ["of it everything else", f"{seconds.first - seconds.work:.1f} ({share:.1%})"],
            [f"cached rerun ({RERUNS[scale]} times)", cached],
        ],
    )
    print_result(
        "overhead",
        {},
        {"cached_rerun_seconds": cached.median, "share_not_stage_work": share, "server_start_seconds": seconds.server},
    )


def measured(recipe: "Recipe", server: float, reruns: int) -> Seconds:
    """Run once and then again with everything cached."""
    from flows.cli.start_flows import run_pipeline
    from flows.graph import StageSelection
    from tasks.store import Store

    runs = []
    for _ in range(reruns + 1):
        began = time.perf_counter()
        run_pipeline(recipe, StageSelection())
        runs.append(time.perf_counter() - began)
    return Seconds(server, runs[0], sum(each.seconds for each in Store.current().manifests()), runs[1:])


if __name__ == "__main__":
    main()
