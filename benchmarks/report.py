"""What every benchmark prints: the versions, a table with the spread, and one JSON line at the end."""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple


class Spread(NamedTuple):
    """Median and extremes of repeated measurements."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:,.4g} ({self.least:,.4g}–{self.most:,.4g})"


def spread(samples: Sequence[float]) -> Spread:
    """Median and extremes."""
    return Spread(statistics.median(samples), min(samples), max(samples))


class Scale(StrEnum):
    """How large an input a benchmark takes.

    A smoke run makes its input itself, takes seconds and measures nothing of worth: a test runs it, so that a benchmark
    cannot break unnoticed.
    """

    FULL = "full"
    QUICK = "quick"
    SMOKE = "smoke"


def add_scale_options(parser: argparse.ArgumentParser, quick: str = "a smaller input, within a minute") -> None:
    """Add `--quick` and `--smoke`, of which at most one may be given, as `scale`."""
    group = parser.add_mutually_exclusive_group()
    for scale, text in ((Scale.QUICK, quick), (Scale.SMOKE, "a tiny made input, to see that everything still runs")):
        group.add_argument(f"--{scale}", dest="scale", action="store_const", const=scale, default=Scale.FULL, help=text)


def read_scale(about: str | None) -> Scale:
    """Read the command line of a benchmark that has no other options."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_scale_options(parser)
    scale: Scale = parser.parse_args().scale
    return scale


def installed(package: str) -> str | None:
    """The version of a package, or None: a peer that is not installed is left out, and named."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_seconds(work: Callable[[], object]) -> float:
    """What a call costs in CPU time of this process: wall time is noise on a shared machine."""
    began = time.process_time()
    work()
    return time.process_time() - began


def interleaved(rounds: int, works: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """CPU-seconds of every work in every round, one after the other, so that all meet the same noise."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(cpu_seconds(work))
    return seconds


def print_versions(*packages: str) -> None:
    """The machine, and each package's version, or that it is left out."""
    found = [f"{package} {installed(package) or 'is not installed: left out'}" for package in packages]
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    print(", ".join([machine, *found]))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as what is in them."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_result(benchmark: str, ratios: Mapping[str, float], figures: Mapping[str, float]) -> None:
    """The last line: ratios are ours over the peer's."""

    def rounded(numbers: Mapping[str, float]) -> dict[str, float]:
        return {name: float(f"{number:.4g}") for name, number in numbers.items()}

    print(json.dumps({"benchmark": benchmark, "ratios": rounded(ratios), "figures": rounded(figures)}))
