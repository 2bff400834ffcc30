"""Where shards run: processes on this machine, or a Dask cluster. Stages map pure functions, so both give one result.

`TEXTMILL_WORKERS` sets the number of processes (default: one a core), `TEXTMILL_ENGINE=dask://host:port` the cluster.
"""

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import resource_tracker
from typing import Any

from tasks.errors import BadSetting, StageFailure, Transient
from tasks.runtime.process_tree import kill_tree

# One worker a core, so libraries inside must not start a thread pool of their own each.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


DASK_SECONDS = 20


def num_workers() -> int:
    """Processes for shards: `TEXTMILL_WORKERS`, else the cores this process may use."""
    asked = os.environ.get("TEXTMILL_WORKERS", "")
    if asked and not (asked.isdecimal() and int(asked) > 0):
        raise BadSetting(f"TEXTMILL_WORKERS={asked} is not a number of processes", "Set it to 1 or more, or unset it")
    return int(asked) if asked else len(os.sched_getaffinity(0))


class SerialExecutor(Executor):
    """Runs at once what is submitted: for a single shard, starting a process costs more than the work."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """As `Executor.submit`, but the future is done on return."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **named))
        except Exception as error:  # noqa: BLE001 - it is raised again where the future is read
            future.set_exception(error)
        return future


def begin_worker() -> None:
    """Set up a worker process before it loads any library."""
    os.environ.update(ONE_THREAD)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Leave when the parent was killed: an orphan would wait for work for ever and hold memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def open_executor(shards: int) -> Iterator[Executor]:
    """An executor for so many shards."""
    address = os.environ.get("TEXTMILL_ENGINE", "")
    if address.startswith("dask://"):
        with dask_executor(address) as pool:
            yield pool
    elif address:
        raise BadSetting(f"TEXTMILL_ENGINE={address} is not an engine", "Unset it, or use dask://host:port")
    elif shards == 1 or num_workers() == 1:
        yield SerialExecutor()
    else:
        workers = num_workers()
        try:
            yield process_pool(workers)
        except BaseException as error:
            # a worker died, or the user interrupted: the next stage gets fresh processes
            process_pool(workers).shutdown(wait=False, cancel_futures=True)
            process_pool.cache_clear()
            if not isinstance(error, Exception):  # whoever interrupts does not wait for what is under way
                kill_tree(each.pid for each in multiprocessing.active_children() if each.pid)
            raise


class SignalSafeProcessPool(ProcessPoolExecutor):
    """Processes that do not hear the terminal's Ctrl-C: it is for their parent, which ends them."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """As `ProcessPoolExecutor.submit`, which may start a process: that inherits what is blocked here."""
        resource_tracker.ensure_running()  # it would unblock the signal when it starts later
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(function, *args, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@functools.cache
def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes, kept from stage to stage: each takes seconds to load its libraries."""
    # spawned, because a forked child inherits locks that threads of torch, polars or Prefect hold
    context = multiprocessing.get_context("spawn")
    return SignalSafeProcessPool(workers, mp_context=context, initializer=begin_worker)


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The executor of a Dask cluster whose workers see the same store folder and have Textmill installed."""
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise StageFailure(
            f"TEXTMILL_ENGINE={address} needs Dask", "Install it with: pip install 'textmill[dask]'"
        ) from None
    try:
        connect: Any = Client  # it carries no types
        client = connect(address.replace("dask://", "tcp://"), timeout=DASK_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise StageFailure(f"no Dask scheduler answers at {address}", "Start it, or unset TEXTMILL_ENGINE") from error
    with client, client.get_executor(pure=False) as pool:
        try:
            client.wait_for_workers(1, timeout=DASK_SECONDS)
            yield pool
        except TimeoutError as error:
            raise Transient(
                f"no worker joined the Dask cluster at {address}", f"Start one: dask worker {client.scheduler.address}"
            ) from error
        except KilledWorker as error:
            mend = "Look at the workers' logs: they may lack memory, so give them more, or make smaller shards"
            raise Transient(f"workers of the Dask cluster at {address} died again and again ({error})", mend) from error
