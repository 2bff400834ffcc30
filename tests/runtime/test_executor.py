"""Where shards run."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tasks.errors import StageFailure, Transient
from tasks.runtime.executor import WorkerLimit, num_workers, open_executor
from tests.waiting import wait_until


def threads_and_process() -> tuple[str, int]:
    return os.environ.get("OMP_NUM_THREADS", ""), os.getpid()


def test_one_shard_runs_here() -> None:
    with open_executor(1) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()


@pytest.mark.slow
def test_workers_are_processes_with_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with open_executor(2) as pool:
        threads, process = pool.submit(threads_and_process).result()
    assert threads == "1"
    assert process != os.getpid()


def kill_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_worker() -> None:
    os._exit(7)


def asleep(folder: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (folder / f"{os.getpid()} {child.pid}").touch()
    time.sleep(600)


def gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.slow
def test_whoever_interrupts_does_not_wait_for_workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They end, and what they started too; the terminal's Ctrl-C, which reaches them first, they do not hear."""
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")

    def interrupted() -> None:
        with open_executor(2) as pool:
            pool.submit(asleep, tmp_path)
            while not list(tmp_path.iterdir()):
                time.sleep(0.02)
            worker = int(next(tmp_path.iterdir()).name.split()[0])
            os.kill(worker, signal.SIGINT)
            time.sleep(0.2)
            assert not gone(worker)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    wait_until(lambda: all(gone(int(pid)) for pid in next(tmp_path.iterdir()).name.split()))
    with open_executor(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid(), "the next stage gets workers of its own"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "words"),
    [
        (kill_worker, "was ended by SIGKILL, as the system does when memory is short"),
        (exit_worker, "ended with exit code 7; what it wrote is above"),
    ],
)
def test_a_lost_worker_is_one_sentence_and_the_next_try_has_half_of_the_workers(
    end: Callable[[], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    monkeypatch.setattr("tasks.runtime.executor.WORKER_LIMIT", WorkerLimit())
    with pytest.raises(Transient, match=f"a worker process {words}"), open_executor(2) as pool:
        pool.submit(end).result()
    with open_executor(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid(), "its process may be killed too, and not the run's"
        assert pool._max_workers == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("asked", ["0", "two", "-1"])
def test_wrong_number_of_workers_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", asked)
    with pytest.raises(StageFailure, match=f"TEXTMILL_WORKERS={asked} is not a number"):
        num_workers()


def test_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_ENGINE", "spark://host")
    with pytest.raises(StageFailure, match="TEXTMILL_ENGINE=spark://host is not an engine"), open_executor(2):
        pass


@pytest.mark.slow
def test_shards_run_on_a_dask_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        protocol="tcp",
    ) as cluster:
        monkeypatch.setenv("TEXTMILL_ENGINE", cluster.scheduler_address.replace("tcp://", "dask://"))
        with open_executor(3) as pool:
            assert [future.result() for future in [pool.submit(abs, -number) for number in range(3)]] == [0, 1, 2]


@pytest.mark.slow
def test_a_dask_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setenv("TEXTMILL_ENGINE", "dask://127.0.0.1:9")
    monkeypatch.setattr("tasks.runtime.executor.DASK_TIMEOUT_SECONDS", 1)
    with pytest.raises(StageFailure, match=r"no Dask scheduler answers at dask://127\.0\.0\.1:9"), open_executor(2):
        pass
