"""Killing processes together with their descendants."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

import psutil


def kill_tree(pids: Iterable[int]) -> None:
    """Kill these processes and all their descendants.

    All are suspended and their descendants listed before the first is killed: a pool that misses one worker ends the
    others at once, and processes that those had started would then have no parent to be found by.
    """
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
            # a stopped process starts no further children, and does not react to the death of others
            processes[-1].suspend()
    for process_to_kill in [*processes, *(one for process in processes for one in find_descendants(process.pid))]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process_to_kill.kill()


def find_descendants(pid: int) -> Iterator[psutil.Process]:
    """Yield all processes that descend from one.

    psutil's own `children` compares creation times, for which it reads the boot time again at each call. Where that
    varies by a second, as while a clock is being set, children seem older than their parent and are left out.
    """
    # process_iter remembers processes by their number, and leaves out one whose number belonged to another at the last
    # call
    psutil.process_iter.cache_clear()
    children = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        children[process.info["ppid"]].append(process)
    parents = [pid]
    while parents:
        child_processes = children.pop(parents.pop(), [])
        parents += [child.pid for child in child_processes]
        yield from child_processes
