"""Computing with one thread, so that sums are made in one order."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def use_one_thread() -> Iterator[None]:
    """Sums in one order, whether a fit runs in a worker or in this process; the random state is put back after."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)
