"""Single-threaded computation, for results that do not depend on where they are computed."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def use_one_thread() -> Iterator[None]:
    """Compute with one thread inside the block, and restore the number of threads and the random state after it.

    Threads split a sum by their number, and floating-point sums depend on their order: with one thread a fit gives the
    same bits in a worker process and in this one.
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(num_threads)
