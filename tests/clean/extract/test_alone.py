import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tasks.clean.extract.alone import read_alone, read_beside_others
from tests.waiting import wait_until


class Holder:
    """A thread that holds the machine, or a share of it, until it is told to end."""

    def __init__(self, lock: Callable[[], AbstractContextManager[None]]) -> None:
        self.lock = lock
        self.has_it, self.may_end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.hold)
        self.thread.start()

    def hold(self) -> None:
        with self.lock():
            self.has_it.set()
            self.may_end.wait(60)

    def end(self) -> None:
        self.may_end.set()
        self.thread.join()


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clean.extract.alone.tempfile.gettempdir", lambda: str(tmp_path))


def test_a_failed_page_has_the_machine_alone_and_whoever_comes_later_waits() -> None:
    readers = [Holder(read_beside_others) for _ in range(2)]
    wait_until(lambda: all(reader.has_it.is_set() for reader in readers))
    alone = Holder(read_alone)
    readers[0].end()
    late = Holder(read_beside_others)
    assert not alone.has_it.wait(0.3)
    readers[1].end()
    assert alone.has_it.wait(30)
    assert not late.has_it.wait(0.3), "who waits to be alone comes before those who come later"
    alone.end()
    assert late.has_it.wait(30)
    late.end()


def test_where_no_lock_can_be_made_pages_are_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clean.extract.alone.tempfile.gettempdir", lambda: "/nowhere")
    with read_alone():
        pass


def test_a_run_that_is_suspended_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    suspended = Holder(read_beside_others)
    assert suspended.has_it.wait(30)
    monkeypatch.setattr("tasks.clean.extract.alone.MAX_WAIT_SECONDS", 0.2)
    with read_alone():
        assert suspended.thread.is_alive()
    suspended.end()
