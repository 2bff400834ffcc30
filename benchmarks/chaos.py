"""What kills, flipped bits, outages and full disks do to a store.

    python -m benchmarks.chaos [--quick | --smoke] [--seed N] [--only PART …]

All parts work on a small site of the standard library's docstrings, through every stage. What comes out after each
fault is compared, by digest, with what comes out without one.

- kills: processes that were ended, systematically at each call that changes the store, and at random in whole runs;
  also each fault of an S3 server counts as one
- lost: kills (or full disks) after which a store was invalid, a rerun failed, or other bytes came out
- flips, unnoticed: bits flipped in the files of a store; those that `verify --full` does not name, that end a command
  in a traceback, or that enter what is built next
- outages, incomplete_as_done: times that a site was away in the middle of a crawl; those after which pages were
  missing from an artifact that does not say so, or that the next run did not get
"""

import argparse
import functools
import itertools
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.faults import bit_flips, crash_points, crawl_outages, full_disk, object_store_faults, process_kills
from benchmarks.faults.chain import build_complete_store, make_recipe, run_child
from benchmarks.faults.site_server import Outage
from benchmarks.report import Scale, add_scale_options, print_result, print_table, print_versions
from flows.graph import STAGES
from tasks.store.manifest import MANIFEST_NAME
from tests.flows import tiny

MAX_FAULTS_SHOWN = 20


class Plan(NamedTuple):
    """How much of each fault."""

    stages: tuple[str, ...]
    """those with crash points"""
    crash_points: int
    """at most so many, spread over all of them"""
    process_kills: int
    object_store_runs: int
    flips_together: int
    """files of artifacts in which a bit is flipped at once"""
    flips_per_file: int
    max_flips: int
    """at most so many flips, each in a store of its own"""
    outages: int
    full_disk_rounds: int


CHEAP_STAGES = ("crawl", "extract", "clean", "dedup", "tokenize")
PLANS = {
    Scale.FULL: Plan(tuple(STAGES), 10_000, 60, 8, 10_000, 1, 10_000, 24, 4),
    Scale.QUICK: Plan(CHEAP_STAGES, 20, 0, 1, 50, 1, 4, 1, 0),
    Scale.SMOKE: Plan(CHEAP_STAGES[:1], 3, 0, 0, 10, 1, 1, 1, 0),
}


class Part(NamedTuple):
    """What one part of the benchmark did: its faults by what they were done to."""

    name: str
    times: int
    seconds: float
    faults: list[tuple[str, str]]


def select_evenly(items: list[Any], most: int) -> list[Any]:
    """Select at most so many items, spread over all."""
    return items if len(items) <= most else [items[index * len(items) // most] for index in range(most)]


def run_two_at_a_time(calls: Iterable[functools.partial[Any]]) -> Iterator[Any]:
    """Run calls that each wait for child processes, two at a time, and yield their results in order."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda call: call(), calls)


class Chaos:
    """The site, the store that was built without faults, and the parts over it."""

    def __init__(self, folder: Path, plan: Plan, seed: int) -> None:
        self.folder, self.plan, self.seed = folder, plan, seed
        self.site, self.complete = folder / "site", folder / "complete"
        tiny.build(self.site)
        self.recipe = make_recipe(self.site)
        result = run_child(functools.partial(build_complete_store, self.recipe, self.complete))
        assert result.ended_well, result
        self.expected = result.digests
        self._part_began = time.monotonic()
        self._works = (folder / f"work-{number}" for number in itertools.count())

    def _end_part(self, name: str, times: int, faults: list[tuple[str, str]]) -> Part:
        began, self._part_began = self._part_began, time.monotonic()
        return Part(name, times, self._part_began - began, faults)

    def crash_everywhere(self) -> Part:
        points = list(crash_points.list_crash_points(self.recipe, self.complete, next(self._works), self.plan.stages))
        calls = (
            functools.partial(
                crash_points.crash_and_resume,
                self.recipe,
                self.complete,
                next(self._works),
                stage,
                number,
                self.expected,
            )
            for stage, number in select_evenly(points, self.plan.crash_points)
        )
        crashes = [crash for crash in run_two_at_a_time(calls) if crash is not None]
        faults = [(f"{crash.stage}, call {crash.number}", fault) for crash in crashes for fault in crash.faults]
        return self._end_part("crash points", len(crashes), faults)

    def kill_processes(self) -> Part:
        kills = list(
            process_kills.kill_runs(self.site, next(self._works), self.plan.process_kills, self.expected, self.seed)
        )
        faults = [(f"{kill.signal} to {kill.victim}", fault) for kill in kills for fault in kill.faults]
        return self._end_part("signals to whole runs", len(kills), faults)

    def spoil_object_store(self) -> Part:
        seeds = range(self.seed, self.seed + self.plan.object_store_runs)
        runs = list(
            object_store_faults.spoil_answers(self.site, next(self._works), "tokenize", 0.05, seeds, self.expected)
        )
        faults = [(f"S3, seed {seed}", fault) for seed, run in zip(seeds, runs, strict=True) for fault in run.faults]
        return self._end_part("spoiled answers of S3", sum(run.num_faults for run in runs), faults)

    def fill_disks(self) -> Part:
        if not self.plan.full_disk_rounds or not full_disk.is_possible():
            return self._end_part("full disks (left out)", 0, [])
        mount = next(self._works)
        mount.mkdir()
        disks = list(full_disk.fill_disks(self.site, self.complete, mount, self.plan.full_disk_rounds))
        faults = [(f"{disk.stage}, {disk.room:,} bytes", fault) for disk in disks for fault in disk.faults]
        return self._end_part("full disks", sum(disk.failed for disk in disks), faults)

    def flip_bits(self) -> Part:
        files = bit_flips.list_store_files(self.complete)
        data_files = [path for path in files if path.parts[0] in STAGES and path.name != MANIFEST_NAME]
        together = select_evenly(data_files, self.plan.flips_together)
        results = bit_flips.check_flips_together(
            self.recipe, self.complete, next(self._works), together, str(self.seed), self.expected
        )
        flips = [(path, number) for path in files for number in range(self.plan.flips_per_file)]
        calls = (
            functools.partial(
                bit_flips.check_flip, self.recipe, self.complete, next(self._works), path,
                f"{self.seed} {path} {number}", self.expected,
            )
            for path, number in select_evenly(flips, self.plan.max_flips)
        )  # fmt: skip
        results += run_two_at_a_time(calls)
        faults = [(flip.path, fault) for flip in results for fault in flip.faults]
        return self._end_part("flipped bits", len(results), faults)

    def take_sites_away(self) -> Part:
        random_ = random.Random(self.seed)
        kinds = itertools.cycle(Outage)
        # shorter and longer than the crawl waits
        seconds = itertools.cycle((1.0, 2.5, 15.0))
        plan = [(next(kinds), random_.randrange(1, 60), next(seconds)) for _ in range(self.plan.outages)]
        results = list(crawl_outages.check_outages(self.site, next(self._works), plan))
        faults = [(f"{result.outage} for {result.seconds} s", fault) for result in results for fault in result.faults]
        return self._end_part("outages", len(results), faults)


PARTS: dict[str, Callable[[Chaos], Part]] = {
    "crash-points": Chaos.crash_everywhere,
    "signals": Chaos.kill_processes,
    "s3": Chaos.spoil_object_store,
    "disks": Chaos.fill_disks,
    "flips": Chaos.flip_bits,
    "outages": Chaos.take_sites_away,
}


def count_places(part: Part) -> int:
    """Count what had at least one fault."""
    return len({place for place, _ in part.faults})


def main() -> None:
    """Run every part and print the table, the first faults and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_scale_options(parser)
    logging.disable(logging.ERROR)  # what is repaired is no news here
    parser.add_argument("--seed", type=int, default=20261130, help="another seed draws other faults")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="run only these parts")
    options = parser.parse_args()
    print_versions("prefect", "pyarrow", "torch")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        chaos = Chaos(Path(name), PLANS[options.scale], options.seed)
        parts = {name: run(chaos) for name, run in PARTS.items() if name in options.only}
    print_table(
        ["fault", "times", "with a loss", "seconds"],
        [(part.name, part.times, count_places(part), f"{part.seconds:.0f}") for part in parts.values()],
    )
    faults = [f"{place}: {fault}" for part in parts.values() for place, fault in part.faults]
    print(*faults[:MAX_FAULTS_SHOWN], sep="\n")
    if len(faults) > MAX_FAULTS_SHOWN:
        print(f"and {len(faults) - MAX_FAULTS_SHOWN} more")
    kills = [parts[name] for name in ("crash-points", "signals", "s3") if name in parts]
    disks = [parts["disks"]] if "disks" in parts else []
    figures = {"kills": sum(part.times for part in kills), "lost": sum(map(count_places, [*kills, *disks]))}
    if "flips" in parts:
        figures |= {"flips": parts["flips"].times, "unnoticed": count_places(parts["flips"])}
    if "outages" in parts:
        figures |= {"outages": parts["outages"].times, "incomplete_as_done": count_places(parts["outages"])}
    print_result("chaos", {}, figures)


if __name__ == "__main__":
    main()
