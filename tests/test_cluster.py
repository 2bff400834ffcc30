"""A stage on a Dask cluster of real processes: the same bytes as here, also when a worker is killed in the middle."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasks.clean.settings import Clean
from tasks.clean.task import extract
from tasks.crawl.task import crawl
from tasks.errors import Transient
from tasks.runtime.executor import open_executor
from tasks.store import Artifact, Draft
from tasks.store.manifest import digest_files, hash_files
from tests.flows import tiny

pytest.importorskip("distributed", reason="the extra dask is not installed")

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
SECONDS = 180  # a busy machine starts a worker slowly
Process = subprocess.Popen[str]


def started(stack: ExitStack, *words: str) -> Process:
    """A process that is ended with the test."""
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
            env={**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    )
    stack.callback(process.kill)
    return process


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Process]]:
    """A scheduler and two workers, which the engine is pointed at."""
    file = tmp_path / "scheduler.json"
    quiet = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file))
    with ExitStack() as stack:
        started(stack, "dask_scheduler", "--host", "127.0.0.1", "--port", "0", *quiet)
        workers = [
            started(
                stack, "dask_worker", *quiet, "--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path / name)
            )
            for name in ("a", "b")
        ]
        from distributed import Client

        deadline = time.monotonic() + SECONDS
        while not file.exists():
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.05)
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=SECONDS)
            address = client.scheduler.address
        monkeypatch.setenv("TEXTMILL_ENGINE", address.replace("tcp://", "dask://"))
        yield workers


def kill_in_the_middle(journal: Path, worker: Process, finished: list[int]) -> None:
    """Wait for the first finished shard, then kill -9 the worker; remember how many were finished by then."""
    deadline = time.monotonic() + SECONDS
    while not (journal.exists() and journal.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    finished.append(len(journal.read_text().splitlines()))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the small site, some a shard."""
    folder = tmp_path_factory.mktemp("pages")
    tiny.build(folder / "site")
    settings = tiny.settings_from(folder / "site")["crawl"] | {"shards": {"max_pages": 4}}
    draft = Draft(folder / "crawl")
    crawl.build(tiny.recipe({"crawl": settings}).crawl, draft)
    return draft.path


def extracted(pages: Path, out: Path) -> str:
    """The digest of their documents."""
    handle = Artifact(stage="crawl", key="0" * 16, digest="0" * 32, path=str(pages))
    extract.build(Clean().extract_settings(), Draft(out), handle)
    return digest_files(hash_files(out))


def test_killed_worker_loses_nothing(
    pages: Path, tmp_path: Path, cluster: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[int] = []
    journal = tmp_path / "dask" / ".journal.jsonl"
    killer = threading.Thread(target=kill_in_the_middle, args=(journal, cluster[0], finished))
    killer.start()
    on_cluster = extracted(pages, tmp_path / "dask")
    killer.join()
    assert cluster[0].wait() == -signal.SIGKILL
    shards = len(list((pages / "index").glob("*.parquet")))
    assert 0 < finished[0] < shards, "the stage was over before a worker could be killed"
    monkeypatch.delenv("TEXTMILL_ENGINE")
    assert on_cluster == extracted(pages, tmp_path / "here")


def test_shards_that_kill_their_workers_end_the_stage(cluster: list[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Transient, match="died again and again"), open_executor(2) as pool:
        pool.submit(os._exit, 1).result()
    assert cluster[0].poll() is not None or cluster[1].poll() is not None


def test_a_cluster_without_workers_is_named(cluster: list[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    for worker in cluster:
        worker.kill()
        worker.wait()
    monkeypatch.setattr("tasks.runtime.executor.DASK_TIMEOUT_SECONDS", 2)
    with pytest.raises(Transient, match="no worker joined the Dask cluster"), open_executor(2):
        pass
