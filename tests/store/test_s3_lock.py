"""Leases: one holder at a time, who is found out when it dies."""

import threading
import time

import pytest

from tasks.errors import Transient
from tasks.store import s3_lock
from tasks.store.s3_client import S3Client
from tasks.store.s3_lock import Lease
from tests.waiting import wait_until

NAME = "clean/k/.lease"


@pytest.fixture
def objects(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    monkeypatch.setattr(s3_lock, "EXPIRY_SECONDS", 1.0)
    monkeypatch.setattr(s3_lock, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(s3_lock, "POLL_SECONDS", 0.05)
    return S3Client(s3_address)


def test_one_at_a_time(objects: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        s3_lock, "EXPIRY_SECONDS", 600.0
    )  # a holder that is not given the processor for a second is not dead
    inside: list[str] = []

    def work(place: str) -> None:
        with Lease(objects, NAME, place).acquire(wait=True) as held:
            assert held
            inside.append(place)
            assert len(inside) == 1
            time.sleep(0.3)
            inside.remove(place)
            done.append(place)

    done: list[str] = []
    threads = [threading.Thread(target=work, args=(f"machine {number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["machine 0", "machine 1", "machine 2"]


def test_a_living_holder_keeps_it_beyond_the_expiry(objects: S3Client) -> None:
    with Lease(objects, NAME, "here").acquire(wait=True):
        deadline = time.monotonic() + 2 * s3_lock.EXPIRY_SECONDS
        while time.monotonic() < deadline:
            with Lease(objects, NAME, "elsewhere").acquire(wait=False) as held:
                assert not held
            time.sleep(0.2)
    with Lease(objects, NAME, "elsewhere").acquire(wait=False) as held:
        assert held, "it was given back"


def dead(objects: S3Client, place: str) -> Lease:
    """A lease whose holder died: taken, and never renewed or given back."""
    left = Lease(objects, NAME, place)
    assert left._try_acquire(wait=False)
    return left


def test_a_dead_holders_lease_expires(objects: S3Client) -> None:
    dead(objects, "elsewhere")
    began = time.monotonic()
    with Lease(objects, NAME, "here").acquire(wait=True) as held:
        assert held
    assert time.monotonic() - began > s3_lock.EXPIRY_SECONDS


def test_a_holder_that_died_in_the_same_place_costs_no_wait(objects: S3Client) -> None:
    dead(objects, "here")
    with Lease(objects, NAME, "here").acquire(wait=False) as held:
        assert held


def test_a_lease_that_is_long_dead_costs_no_wait(objects: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dead(objects, "elsewhere")
    monkeypatch.setattr(s3_lock, "MAX_AGE_SECONDS", -1.0)
    with Lease(objects, NAME, "here").acquire(wait=False) as held:
        assert held


def test_a_record_that_cannot_be_read_expires_too(objects: S3Client) -> None:
    objects.write(NAME, b"{torn")
    with Lease(objects, NAME, "here").acquire(wait=False) as held:
        assert not held
    with Lease(objects, NAME, "here").acquire(wait=True) as held:
        assert held


def test_a_sleeper_learns_that_it_lost_and_leaves_the_new_holder_alone(
    objects: S3Client, caplog: pytest.LogCaptureFixture
) -> None:
    sleeper = dead(objects, "asleep")
    with Lease(objects, NAME, "here").acquire(wait=True) as held:
        assert held
        sleeper._send_heartbeats()  # returns, because it lost
        assert sleeper.lost
        assert "passed to another run" in caplog.text
        sleeper._release()
        with Lease(objects, NAME, "third").acquire(wait=False) as third:
            assert not third


def test_a_network_that_is_away_for_a_moment_costs_nothing(
    objects: S3Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace, failures = objects.replace, [Transient("the network is away", "Wait")]

    def unsure(name: str, data: bytes, etag: str) -> str | None:
        done = replace(name, data, etag)
        if failures:
            raise failures.pop()  # the write came through, its answer did not
        return done

    with Lease(objects, NAME, "here").acquire(wait=True) as held:
        assert held
        monkeypatch.setattr(objects, "replace", unsure)
        wait_until(lambda: "could not be renewed: the network is away" in caplog.text)
        with Lease(objects, NAME, "elsewhere").acquire(wait=False) as other:
            assert not other
    with Lease(objects, NAME, "elsewhere").acquire(wait=False) as other:
        assert other
