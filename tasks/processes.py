"""Ending processes together with all that they started."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

import psutil


def end(pids: Iterable[int]) -> None:
    """Kill these processes and all below them. What is killed first cannot start anything more, so parents go first."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.suspend()  # so that it starts no more while its children are listed
            for each in (process, *below(pid)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def below(pid: int) -> Iterator[psutil.Process]:
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
