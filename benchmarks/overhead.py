"""What orchestration costs: a rerun with everything cached, and the part of a run that is not stage work.

    python -m benchmarks.overhead [--quick | --smoke]

The whole demo by default (some ten minutes), a small site with --quick and --smoke. The server's start is reported
apart: a team has one running. There is no peer: what the rest is compared with is the stage work of the same run.

Stages hash their inputs before they read them. Within one run that was done when the inputs were written, so it costs
next to nothing; `hash_inputs_seconds` is the price when every stage runs in a process of its own.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import flows  # noqa: F401 - sets what Prefect reads when it is first imported
from benchmarks.report import Scale, print_result, print_table, print_versions, read_scale, spread

if TYPE_CHECKING:  # imported after the environment is set
    from flows.recipe import Recipe
    from tasks.store import Store

RERUNS = {Scale.FULL: 5, Scale.QUICK: 5, Scale.SMOKE: 1}


class Seconds(NamedTuple):
    """Wall time of the server's start, of the first run, of the stages in it, and of each cached rerun.

    `hashing` is the time to hash the inputs of every stage, as a process does that has not written them.
    """

    server: float
    first: float
    work: float
    cached: list[float]
    hashing: float


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
            [
                "hashing the inputs of all stages, each anew",
                f"{seconds.hashing:.2f} ({seconds.hashing / seconds.work:.2%} of the stage work)",
            ],
        ],
    )
    print_result(
        "overhead",
        {},
        {
            "cached_rerun_seconds": cached.median,
            "share_not_stage_work": share,
            "server_start_seconds": seconds.server,
            "hash_inputs_seconds": seconds.hashing,
            "share_hashing_inputs": seconds.hashing / seconds.work,
        },
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
    work = sum(manifest.seconds for manifest in Store.current().manifests())
    return Seconds(server, runs[0], work, runs[1:], measure_hashing(Store.current()))


def measure_hashing(store: "Store") -> float:
    """Hash the inputs of every stage, and return the seconds."""
    from tasks.runtime.content_digest import forget_hashes
    from tasks.store.read_check import record_reads

    began = time.perf_counter()
    for manifest in store.manifests():
        forget_hashes()
        with record_reads():
            for source in manifest.inputs:
                # `folder` hashes all files, though some stages read only a part of them
                _ = store.find(source.stage, source.key).folder
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
