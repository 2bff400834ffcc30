"""Caching, rebuilding, retrying and locking, with a toy stage on a real Prefect server."""

import errno
import threading
import time
from pathlib import Path

import pytest

from tasks.block import Block
from tasks.errors import StageFailure, Transient
from tasks.stage import stage
from tasks.store import Artifact, Draft, Store

pytestmark = pytest.mark.prefect


class Upper(Block):
    """Settings of the toy stage."""

    text: str = "hello"
    """what to write"""


calls: list[str] = []
errors: list[Exception] = []


@stage("upper", version=1)
def upper(settings: Upper, draft: Draft, *inputs: Artifact) -> None:
    calls.append(settings.text)
    if errors:
        raise errors.pop(0)
    time.sleep(0.2)
    with draft.write("out.txt") as path:
        path.write_text(settings.text.upper())


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: None) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(upper.task, "retry_delay_seconds", [0.01, 0.01, 0.01])
    calls.clear()
    errors.clear()
    return Store.current()


def test_second_call_is_cached_and_shown_as_such(store: Store) -> None:
    first = upper(Upper())
    state = upper.task(Upper(), (), False, return_state=True)
    assert state.name == "Cached"
    assert state.result() == first
    assert calls == ["hello"]


def test_missing_file_is_rebuilt_with_a_warning_that_names_it(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    first = upper(Upper())
    (first.folder / "out.txt").unlink()
    second = upper(Upper())
    assert calls == ["hello", "hello"]
    assert second == first
    assert (second.folder / "out.txt").read_text() == "HELLO"
    assert f"{first.folder / 'out.txt'} is missing" in caplog.text


def test_corrupt_manifest_is_rebuilt(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    first = upper(Upper())
    (first.folder / "manifest.json").write_text("{torn")
    assert upper(Upper()) == first
    assert "manifest.json is corrupt" in caplog.text


def test_force_builds_again_and_leaves_equal_bytes_alone(store: Store) -> None:
    first = upper(Upper())
    inode = (first.folder / "out.txt").stat().st_ino
    assert upper(Upper(), force=True) == first
    assert calls == ["hello", "hello"]
    assert (first.folder / "out.txt").stat().st_ino == inode


def test_what_can_heal_is_retried(store: Store) -> None:
    errors.extend([Transient("the network is down", "Wait"), ConnectionResetError("reset")])
    assert upper(Upper()).stage == "upper"
    assert len(calls) == 3


@pytest.mark.parametrize(
    "error",
    [StageFailure("no page was fetched", "Give other seeds"), ValueError("wrong"), OSError(errno.ENOSPC, "No space")],
)
def test_what_cannot_heal_fails_at_once_and_publishes_nothing(store: Store, error: Exception) -> None:
    errors.append(error)
    with pytest.raises((StageFailure, ValueError)) as raised:
        upper(Upper())
    assert len(calls) == 1
    assert store.manifests() == []
    if not isinstance(error, ValueError):
        assert str(raised.value).startswith("upper: ")


def test_full_disk_says_what_to_do(store: Store) -> None:
    errors.append(OSError(errno.ENOSPC, "No space left on device", "/store/out.txt"))
    with pytest.raises(StageFailure, match=r"upper: No space left on device \(/store/out.txt\). Free some disk space"):
        upper(Upper())


def test_two_at_once_build_once(store: Store) -> None:
    results: list[Artifact] = []
    threads = [threading.Thread(target=lambda: results.append(upper(Upper()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["hello"]
    assert len(results) == 2
    assert results[0] == results[1]


def test_two_machines_at_once_build_once(
    store: Store, s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", s3_address)
    monkeypatch.setattr("tasks.store.s3_lock.POLL_SECONDS", 0.1)
    # each thread is a machine: it has a cache of its own
    monkeypatch.setattr("tasks.store.s3.cache_folder_for", lambda _: tmp_path / threading.current_thread().name)
    results: list[Artifact] = []
    threads = [threading.Thread(target=lambda: results.append(upper(Upper())), name=name) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["hello"]
    assert len(results) == 2
    assert results[0] == results[1]
    assert all((tmp_path / name).is_dir() for name in ("a", "b"))
    assert results[0].path == f"{s3_address}/upper/{results[0].key}"
    assert (results[0].folder / "out.txt").read_text() == "HELLO"


@stage("slotted", version=1, slot="gpu")
def slotted(settings: Upper, draft: Draft, *inputs: Artifact) -> None:
    calls.append("slots taken: " + str(slots_taken()))


def slots_taken() -> float:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        answer = client._client.get("/v2/concurrency_limits/places")
        return float(answer.json()["active_slots"])


def test_a_place_of_the_limit_is_held_while_it_builds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        client._client.post("/v2/concurrency_limits/", json={"name": "places", "limit": 1}).raise_for_status()
    monkeypatch.setenv("TEXTMILL_GPU_SLOT", "places")
    slotted(Upper())
    assert calls == ["slots taken: 1.0"]
    slotted(Upper())
    assert calls == ["slots taken: 1.0"], "a cached stage builds nothing"
    assert slots_taken() == 0
