"""Dedup at size: what a document costs among a million and among ten thousand, and the memory that takes.

The documents are paragraphs of real texts in a new order. One in twenty is an exact copy of an earlier one, one in five
a near-copy with some words changed. Making them is not counted. Each size runs through the stage's build function in a
process of its own with two workers, after two runs over two shards, and two that add to these, which load the libraries
and the compiled loops; the small size does so five times, of which the median counts. Then a tenth as many new
documents, among them as many copies of old ones, are added to the largest result.

`peak_mb` is the most that driver and workers held at one time, the pages they share counted once (the sum of their
proportional set sizes, PSS), seen ten times a second; beside it stand the kernel's own peaks of the driver and of the
largest worker (VmHWM, shared pages counted in each). All peaks begin anew after the warm-up, so that what loading the
libraries took is not in them, but the libraries are. What looking takes, up to a third of a short run, is not counted.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.pages import texts
from benchmarks.report import Scale, add_scale_options, print_result, print_table, print_versions
from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup
from tasks.store import Artifact, Draft

A_SHARD = 10_000
EXACT, NEAR = 0.05, 0.2
SMALL = {Scale.FULL: 10_000, Scale.QUICK: 10_000, Scale.SMOKE: 200}
LARGE = {Scale.FULL: 1_000_000, Scale.QUICK: 50_000, Scale.SMOKE: 1_000}
SMALL_RUNS = {Scale.FULL: 5, Scale.QUICK: 5, Scale.SMOKE: 1}
NEW = 1 << 20  # seeds from here on are of later snapshots


def paragraphs(num_texts: int) -> list[list[str]]:
    """The words of every paragraph of so many real texts, of 8 to 150 words."""
    _, pages = texts(num_texts)
    found = [line.split() for page in pages for line in page.split("\n")]
    return [words for words in found if 8 <= len(words) <= 150]


def changed(draw: random.Random, words: list[str]) -> list[str]:
    """A copy in which one word in a hundred, and at least one, is another."""
    copy = list(words)
    for _ in range(max(len(words) // 100, 1)):
        copy[draw.randrange(len(copy))] = draw.choice(words)
    return copy


def made(seed: int, pool: list[list[str]], count: int) -> list[str]:
    """One shard of documents."""
    draw = random.Random(seed)
    found: list[list[str]] = []
    while len(found) < count:
        kind = draw.random() if len(found) > 100 else 1.0
        if kind < EXACT:
            found.append(draw.choice(found))
        elif kind < EXACT + NEAR:
            found.append(changed(draw, draw.choice(found)))
        else:
            found.append([word for _ in range(draw.randrange(6, 16)) for word in draw.choice(pool)])
    return [" ".join(words) for words in found]


def later(seed: int, pool: list[list[str]], count: int) -> list[str]:
    """One shard of a later snapshot: new documents, and copies of some of the earlier shard's of this seed."""
    draw = random.Random(seed)
    old, new = made(seed, pool, count), made(NEW + seed, pool, count)
    copies = [" ".join(changed(draw, text.split())) for text in old[: int(count * NEAR)]]
    return copies + old[len(copies) : len(copies) + int(count * EXACT)] + new[: count - int(count * (EXACT + NEAR))]


def write(
    folder: Path, pool: list[list[str]], count: int, kind: Callable[..., list[str]] = made, a_shard: int = A_SHARD
) -> Artifact:
    """The artifact of a clean stage with so many documents."""
    (folder / "documents").mkdir(parents=True)
    for shard in range(-(-count // a_shard)):
        column = kind(shard, pool, min(a_shard, count - shard * a_shard))
        ids = [f"{kind.__name__}{shard * a_shard + row:028x}" for row in range(len(column))]
        table = pa.table({"id": ids, "url": [f"http://site/{each}" for each in ids], "text": column})
        pq.write_table(table, folder / "documents" / f"{shard:05d}.parquet", compression="zstd", row_group_size=2_000)
    return artifact(folder, "clean")


def artifact(folder: Path, stage: str) -> Artifact:
    """A handle of a folder."""
    return Artifact(stage=stage, key=folder.name, digest=folder.name, path=str(folder))


def cpu_seconds() -> float:
    """CPU time of this process and its workers so far."""
    ticks = 0
    for child in active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(file: str, field: str) -> list[float]:
    """A figure of the kernel on this process and on each worker."""
    found = []
    for pid in (os.getpid(), *(child.pid for child in active_children())):
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        found += [int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")]
    return found


class Watch(threading.Thread):
    """The most memory that all processes held at one time; what they share (libraries) counts once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.cpu_seconds, self.ended = 0.0, 0.0, threading.Event()

    def run(self) -> None:
        """Look ten times a second until the end."""
        while not self.ended.wait(0.1):
            self.most = max(self.most, sum(memory_mb("smaps_rollup", "Pss")))
        self.cpu_seconds = time.thread_time()


def forget_peaks() -> None:
    """Let the kernel's peak of this process and of each worker begin at what it holds now (proc(5), clear_refs)."""
    for pid in (os.getpid(), *(child.pid for child in active_children())):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def measure(warm: Path, out: Path, inputs: list[Artifact]) -> dict[str, Any]:
    """Build a result in the folder `out`, after some from the folder `warm`; what that took."""
    for number in range(2):  # a worker that had nothing to do in one has it in the other
        drafts = [Draft(out.with_name(f"{out.name}-{name}{number}")) for name in ("warm", "added")]
        dedup.build(Dedup(), drafts[0], artifact(warm / "old", "clean"))
        dedup.build(Dedup(), drafts[1], artifact(drafts[0].path, "dedup"), artifact(warm / "new", "clean"))
    forget_peaks()
    watch, began, started = Watch(), cpu_seconds(), time.perf_counter()
    watch.start()
    draft = Draft(out)
    dedup.build(Dedup(), draft, *inputs)
    watch.ended.set()
    watch.join()
    driver, *workers = memory_mb("status", "VmHWM")
    return {
        "cpu_seconds": cpu_seconds() - began - watch.cpu_seconds,
        "wall_seconds": time.perf_counter() - started,
        "driver_mb": driver,
        "worker_mb": max(workers, default=0),
        "all_mb": watch.most,
        "counts": draft.counts,
    }


def in_a_process(warm: Path, out: Path, *inputs: Artifact) -> dict[str, Any]:
    """`measure` in a new process, so that one size's memory is not another's."""
    given = json.dumps([str(warm), str(out), [each.model_dump() for each in inputs]])
    command = [sys.executable, "-m", "benchmarks.scale", "--measure", given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | {"TEXTMILL_WORKERS": "2"})
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def runs(scale: Scale, large: int, folder: Path) -> dict[str, tuple[int, dict[str, Any]]]:
    """The figures of both sizes, and of a tenth as many documents added to the larger."""
    small, repeats = SMALL[scale], SMALL_RUNS[scale]
    pool = paragraphs(20 if scale is Scale.SMOKE else 600)
    warm, a_shard = folder / "warm", 200 if scale is Scale.SMOKE else A_SHARD
    write(warm / "old", pool, a_shard * 11 // 10, a_shard=a_shard)
    write(warm / "new", pool, a_shard * 11 // 10, later, a_shard)
    found = {}
    few = write(folder / "few", pool, small, a_shard=a_shard)
    again = [in_a_process(warm, folder / f"out{small}-{number}", few) for number in range(repeats)]
    found[f"{small:,}"] = small, sorted(again, key=lambda each: each["cpu_seconds"])[repeats // 2]
    many = write(folder / "many", pool, large, a_shard=a_shard)
    found[f"{large:,}"] = large, in_a_process(warm, folder / f"out{large}", many)
    new = write(folder / "new", pool, large // 10, later, a_shard)
    result = artifact(folder / f"out{large}", "dedup")
    found[f"+ {large // 10:,}"] = large // 10, in_a_process(warm, folder / "added", result, new)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_scale_options(parser, f"{LARGE[Scale.QUICK]:,} documents instead of {LARGE[Scale.FULL]:,}")
    parser.add_argument("--documents", type=int, help="so many documents instead")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        warm, out, inputs = json.loads(given.measure)
        print(json.dumps(measure(Path(warm), Path(out), [Artifact(**each) for each in inputs])))
        return
    large = given.documents or LARGE[given.scale]
    with tempfile.TemporaryDirectory() as folder:
        found = runs(given.scale, large, Path(folder))
    print_versions("numba", "numpy", "pyarrow")
    header = ["documents", "CPU-s", "µs each", "wall s", "driver MB", "largest worker MB", "all MB (PSS)", "stay"]
    rows = [
        (
            name,
            f"{each['cpu_seconds']:.2f}",
            f"{each['cpu_seconds'] / size * 1e6:.1f}",
            f"{each['wall_seconds']:.1f}",
            *(f"{each[key]:.0f}" for key in ("driver_mb", "worker_mb", "all_mb")),
            f"{each['counts']['kept']:,}",
        )
        for name, (size, each) in found.items()
    ]
    print_table(header, rows)
    (small, first), (_, whole), (_, added) = found.values()
    print(f"a tenth more costs {added['cpu_seconds'] / whole['cpu_seconds']:.1%} of the whole")
    growth = whole["cpu_seconds"] / large / (first["cpu_seconds"] / small)
    print_result("scale", {"cost_growth": growth}, {"peak_mb": whole["all_mb"]})


if __name__ == "__main__":
    main()
