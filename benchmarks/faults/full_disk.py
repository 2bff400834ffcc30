"""A disk that fills up at each stage: one sentence, nothing half published, and the same bytes once there is room.

A user namespace gives a tmpfs of any size without rights; where the system allows none, this part is left out.

    unshare --user --map-root-user --mount python -m benchmarks.faults.full_disk SITE COMPLETE MOUNT ROUNDS
"""

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.chain import build_digests, find_faults, find_store_problems, make_recipe, run_child
from benchmarks.faults.crash_points import remove_stages
from flows.graph import STAGES

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


class FullDisk(NamedTuple):
    """One disk that was full, and what went wrong."""

    stage: str
    room: int
    """bytes that the stage had"""
    failed: bool
    """whether the stage found the disk full"""
    faults: tuple[str, ...]


def is_possible() -> bool:
    """Tell whether this system lets a process mount a tmpfs of its own."""
    if not shutil.which("unshare"):
        return False
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def fill_disks(site: Path, complete: Path, mount: Path, rounds: int) -> Iterator[FullDisk]:
    """Fill a disk at each stage, in a namespace of its own; the child process sends its results as lines of JSON."""
    command = [*NAMESPACE, sys.executable, "-m", "benchmarks.faults.full_disk", str(site), str(complete), str(mount)]
    done = subprocess.run([*command, str(rounds)], stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        if line.startswith("["):
            stage, room, failed, faults = json.loads(line)
            yield FullDisk(stage, room, failed, tuple(faults))


def mount_disk(mount: Path, num_bytes: int, *, again: bool = False) -> None:
    """Mount a tmpfs of a size, or give the one that is mounted another size."""
    options = f"size={num_bytes}" + (",remount" if again else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(mount)], check=True)


def measure_folder(folder: Path) -> int:
    """Bytes that the files of a folder take on a tmpfs, whose blocks are pages of 4 KiB."""
    return sum(-(-path.lstat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def fill_disk(
    site: Path, complete: Path, mount: Path, stage: str, fraction: float, expected: dict[str, str]
) -> FullDisk:
    """Build one stage with room for a fraction of what it writes, then with enough."""
    recipe = make_recipe(site)
    room = int(measure_folder(complete / stage) * fraction)
    mount_disk(mount, 1 << 30)
    try:
        work = mount / "store"
        shutil.copytree(complete, work)
        remove_stages(work, stage)
        mount_disk(mount, measure_folder(work) + room + 4096, again=True)
        build = functools.partial(build_digests, recipe, work, stage)
        short = run_child(build)
        faults = [f"on the full disk: {short.traceback}"] if short.traceback else []
        if short.exit_code:
            faults.append(f"on the full disk: ended with exit code {short.exit_code}")
        if short.failure and not any(word in short.failure for word in ("full", "space", "room")):
            faults.append(f"does not say that the disk is full: {short.failure}")
        faults += [f"on the full disk: {problem}" for problem in find_store_problems(work)]
        mount_disk(mount, 1 << 30, again=True)
        faults += find_faults(run_child(build), expected)
        return FullDisk(stage, room, not short.ended_well, tuple(faults))
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def main() -> None:
    """Fill disks in this namespace, and print each result as a line."""
    site, complete, mount = map(Path, sys.argv[1:4])
    rounds = int(sys.argv[4])
    expected = run_child(functools.partial(build_digests, make_recipe(site), complete, "evaluate")).digests
    for stage in STAGES:
        for number in range(rounds):
            result = fill_disk(site, complete, mount, stage, (number + 0.5) / rounds, expected)
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
