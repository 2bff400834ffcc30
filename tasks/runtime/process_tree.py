"""Ending processes together with all that they started."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

import psutil


def kill_tree(pids: Iterable[int]) -> None:
    """Kill these processes and all below them.

    All are stopped and all below them listed before the first is killed: who looks after them, such as a pool that
    misses one, may end the others at once, and what these have started would then be nobody's child.
    """
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
            found[-1].suspend()
    for each in [*found, *(one for process in found for one in find_descendants(process.pid))]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def find_descendants(pid: int) -> Iterator[psutil.Process]:
    """All processes that descend from one.

    psutil's own `children` compares times of birth, for which it reads the time of boot anew each time. Where that
    wavers by a second, as a clock that is being set makes it, children seem older than their parent and are left out.
    """
    psutil.process_iter.cache_clear()  # it leaves out a process whose number belonged to another when it was last asked
    children = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        children[process.info["ppid"]].append(process)
    parents = [pid]
    while parents:
        found = children.pop(parents.pop(), [])
        parents += [each.pid for each in found]
        yield from found
