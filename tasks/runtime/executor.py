"""Executors for shards: processes on this machine, or a Dask cluster. Stages map pure functions: results are equal.

`TEXTMILL_WORKERS` sets the number of processes (default: one per core), `TEXTMILL_ENGINE=dask://host:port` the cluster.
"""

import contextlib
import functools
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

from tasks.errors import BadSetting, StageFailure, Transient
from tasks.runtime.process_tree import kill_tree

# One worker per core, so libraries inside must not start thread pools of their own.
SINGLE_THREAD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


DASK_TIMEOUT_SECONDS = 20
SECONDS_TO_END = 5.0  # of workers whose pool is broken


def num_workers() -> int:
    """Number of processes for shards: `TEXTMILL_WORKERS`, else the cores that this process may use."""
    setting = os.environ.get("TEXTMILL_WORKERS", "")
    if setting and not (setting.isdecimal() and int(setting) > 0):
        raise BadSetting(f"TEXTMILL_WORKERS={setting} is not a number of processes", "Set it to 1 or more, or unset it")
    # not os.cpu_count(): under taskset, or in a container with a set of cores, a process may use fewer
    return int(setting) if setting else len(os.sched_getaffinity(0))


class SerialExecutor(Executor):
    """An executor that runs tasks in this process: for one shard, starting a process costs more than the work."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Run the task now and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **named))
        # not BaseException: an interrupt goes straight up and is not kept in a future
        except Exception as error:  # noqa: BLE001 - it is raised again where the future is read
            future.set_exception(error)
        return future


def initialize_worker() -> None:
    """Set up a worker process before it loads any library."""
    # The libraries read these when they are loaded, which is later: when the function of the first shard is imported.
    os.environ.update(SINGLE_THREAD_ENVIRONMENT)
    # a log on a full disk must not become a traceback for each line
    logging.raiseExceptions = False
    threading.Thread(target=exit_with_parent, daemon=True).start()


def exit_with_parent() -> None:
    """Exit when the parent dies: an orphan would wait for work forever and hold memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # sys.exit would end this thread only
        os._exit(1)


class WorkerLimit:
    """The most processes that this run starts, which is halved each time that memory was short."""

    def __init__(self) -> None:
        self.workers = sys.maxsize

    def halve(self, workers: int) -> None:
        """Allow half of these workers, and at least one."""
        self.workers = max(1, workers // 2)


WORKER_LIMIT = WorkerLimit()


def explain_lost_worker(processes: Sequence[BaseProcess]) -> Transient:
    """Return the failure that a broken pool stands for, by how its processes ended."""
    for process in processes:
        process.join(SECONDS_TO_END)
        # the pool's own thread may have waited for it at the same moment: its exit code is there a little later
        deadline = time.monotonic() + 1
        while process.exitcode is None and time.monotonic() < deadline:
            time.sleep(0.01)
    # those that are left when one is lost get SIGTERM from the pool
    codes = [process.exitcode for process in processes if process.exitcode not in (None, 0, -signal.SIGTERM)]
    code = codes[0] if codes else None
    if code is None:
        end = "ended"
    elif code < 0:
        memory = ", as the system does when memory is short" if -code == signal.SIGKILL else ""
        end = f"was ended by {signal.Signals(-code).name}{memory}"
    else:
        end = f"ended with exit code {code}; what it wrote is above"
    return Transient(
        f"a worker process {end}",
        "Finished shards are kept. If it happens again, set TEXTMILL_WORKERS lower, or give the machine more memory",
    )


@contextlib.contextmanager
def open_executor(shards: int) -> Iterator[Executor]:
    """Open the executor that the environment names, for this number of shards. Raises StageFailure."""
    address = os.environ.get("TEXTMILL_ENGINE", "")
    if address.startswith("dask://"):
        with dask_executor(address) as pool:
            yield pool
    elif address:
        raise BadSetting(f"TEXTMILL_ENGINE={address} is not an engine", "Unset it, or use dask://host:port")
    elif shards == 1 or num_workers() == 1:
        yield SerialExecutor()
    else:
        workers = min(num_workers(), WORKER_LIMIT.workers)
        try:
            yield process_pool(workers)
        except BaseException as error:
            processes = list((process_pool(workers)._processes or {}).values())  # noqa: SLF001 - how they ended
            # a worker died, or the user interrupted: the next stage gets new processes
            process_pool(workers).shutdown(wait=False, cancel_futures=True)
            # without this the next stage would get the broken pool from the cache
            process_pool.cache_clear()
            if not isinstance(error, Exception):  # a signal: running shards are not waited for
                kill_tree(process.pid for process in multiprocessing.active_children() if process.pid)
            if isinstance(error, MemoryError | BrokenExecutor):
                WORKER_LIMIT.halve(workers)
            if isinstance(error, BrokenExecutor):
                raise explain_lost_worker(processes) from error
            raise


class SignalSafeProcessPool(ProcessPoolExecutor):
    """A process pool whose workers ignore the terminal's Ctrl-C: their parent handles it and ends them."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Submit a task with SIGINT blocked, since this may start a process, which inherits the blocked signals."""
        # While it starts the tracker, Python blocks and then unblocks SIGINT. Started within `submit`, it would undo
        # our block.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(function, *args, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@functools.cache
def process_pool(workers: int) -> ProcessPoolExecutor:
    """Start worker processes, or return those of an earlier stage: each takes seconds to load its libraries."""
    # spawned, because a forked child inherits locks that threads of torch, polars or Prefect hold
    context = multiprocessing.get_context("spawn")
    return SignalSafeProcessPool(workers, mp_context=context, initializer=initialize_worker)


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Connect to a Dask cluster whose workers see the same store folder and have Textmill installed."""
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise StageFailure(
            f"TEXTMILL_ENGINE={address} needs Dask", "Install it with: pip install 'textmill[dask]'"
        ) from None
    try:
        connect: Any = Client  # it carries no types
        client = connect(address.replace("dask://", "tcp://"), timeout=DASK_TIMEOUT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise StageFailure(f"no Dask scheduler answers at {address}", "Start it, or unset TEXTMILL_ENGINE") from error
    # pure=False: a shard writes files, so an equal call must run again instead of getting a remembered result
    with client, client.get_executor(pure=False) as pool:
        try:
            client.wait_for_workers(1, timeout=DASK_TIMEOUT_SECONDS)
            yield pool
        except TimeoutError as error:
            raise Transient(
                f"no worker joined the Dask cluster at {address}", f"Start one: dask worker {client.scheduler.address}"
            ) from error
        except KilledWorker as error:
            hint = "Look at the workers' logs: they may lack memory, so give them more, or make smaller shards"
            raise Transient(f"workers of the Dask cluster at {address} died again and again ({error})", hint) from error
