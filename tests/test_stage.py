"""Caching, rebuilding, retrying and locking, with a toy stage on a real Prefect server."""

import errno
import threading
import time
from contextlib import AbstractContextManager
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


class Site(Block):
    """Settings of a toy crawl."""


answers: dict[str, str | None] = {}
asked: list[str] = []


@stage("toycrawl", version=1)
def toy_crawl(settings: Site, draft: Draft, *inputs: Artifact) -> None:
    """Ask for each page that the artifact that is continued does not hold; what gives no answer may do so later."""
    old = draft.incomplete_artifact
    if errors:
        raise errors.pop(0)
    for name, answer in answers.items():
        known = old / f"{name}.txt" if old and (old / f"{name}.txt").exists() else None
        if known is None:
            asked.append(name)
        text = known.read_text() if known else answer
        if text is None:
            draft.report_incomplete(f"the page {name} got no answer")
        else:
            with draft.write(f"{name}.txt") as path:
                path.write_text(text)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: None) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(upper.task, "retry_delay_seconds", [0.01, 0.01, 0.01])
    for memory in (calls, errors, asked, answers):
        memory.clear()
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


def test_an_incomplete_artifact_is_used_shown_and_continued(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    answers.update(one="1", two=None)
    state = toy_crawl.task(Site(), (), False, return_state=True)
    first: Artifact = state.result()
    assert (state.name, state.message) == ("Incomplete", f"toycrawl {first.key}: the page two got no answer")
    assert "incomplete: the page two got no answer; the next run asks again" in caplog.text
    assert (first.folder / "summary.md").read_text().startswith("**Incomplete:** the page two got no answer.")
    assert upper(Upper(), first).stage == "upper"

    answers["two"] = "2"
    second = toy_crawl(Site())
    assert asked == ["one", "two", "two"], "what is there is not asked for again"
    assert "building (incomplete: the page two got no answer; asks again)" in caplog.text
    assert second.key == first.key
    assert sorted(path.name for path in second.folder.iterdir()) == ["manifest.json", "one.txt", "two.txt"]
    assert toy_crawl.task(Site(), (), False, return_state=True).name == "Cached"


def test_an_incomplete_artifact_stays_when_it_cannot_be_continued(store: Store) -> None:
    answers.update(one="1", two=None)
    first = toy_crawl(Site())
    errors.append(StageFailure("the network is gone", "Wait"))
    with pytest.raises(StageFailure):
        toy_crawl(Site())
    assert store.get_valid("toycrawl", first.key) == first
    assert (first.folder / "one.txt").read_text() == "1"


def test_what_was_built_on_an_incomplete_artifact_stays_cached_while_its_bytes_do(store: Store) -> None:
    answers.update(one="1", two=None)
    upper(Upper(), toy_crawl(Site()))
    again = toy_crawl(Site())
    assert asked == ["one", "two", "two"]
    assert upper.task(Upper(), (again,), False, return_state=True).name == "Cached"


def test_force_does_not_continue_an_incomplete_artifact(store: Store) -> None:
    answers.update(one="1", two=None)
    toy_crawl(Site())
    toy_crawl(Site(), force=True)
    assert asked == ["one", "two", "one", "two"]


def test_a_run_that_waited_for_another_does_not_ask_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    answers.update(one="1", two=None)
    first = toy_crawl(Site())
    manifest = store.manifest("toycrawl", first.key)
    assert manifest is not None
    other_run = manifest.model_copy(update={"finished": "2999-01-01T00:00:00.000+00:00"})
    lock = Store.lock

    def lock_after_another_run(self: Store, stage: str, key: str) -> AbstractContextManager[bool]:
        self.backend.write(f"{stage}/{key}/manifest.json", other_run.as_json)
        return lock(self, stage, key)

    monkeypatch.setattr(Store, "lock", lock_after_another_run)
    state = toy_crawl.task(Site(), (), False, return_state=True)
    assert (state.name, asked) == ("Incomplete", ["one", "two"])


def test_an_incomplete_artifact_on_s3_is_continued(
    store: Store, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", s3_address)
    answers.update(one="1", two=None)
    toy_crawl(Site())
    answers["two"] = "2"
    second = toy_crawl(Site())
    assert asked == ["one", "two", "two"]
    assert (second.folder / "two.txt").read_text() == "2"
    assert Store.current().manifest("toycrawl", second.key).incomplete == ()  # type: ignore[union-attr]


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
