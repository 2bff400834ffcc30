"""A lock that reaches every machine: an object that its holder renews. It goes over when the holder stops doing so.

Each change is conditional on the version that was seen (its ETag), so of several takers one wins, and a holder that
slept too long learns that it lost. Nobody compares clocks: a lease is dead when a waiting process has seen the same
version for `EXPIRY` seconds of its own (or when it is so old that no clock is wrong by that much).
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from tasks.errors import StageFailure
from tasks.runtime.progress import log
from tasks.store.s3_client import Objects

LEASE = ".lease"  # the object's name, beside what it guards
EXPIRY = 60.0  # seconds without a sign of life after which a holder counts as dead
BEAT = 15.0  # seconds between signs of life: three may get lost
POLL = 2.0  # seconds between looks of one who waits
LONG_DEAD = 3600.0  # seconds


class Lease:
    """One lease object. `place` names what only one process at a time can hold, such as a locked file.

    Whoever holds that place knows that an earlier holder from the same place is gone, and need not wait.
    """

    def __init__(self, objects: Objects, name: str, place: str) -> None:
        self.objects, self.name, self.place = objects, name, place
        self.etag = ""
        self.lost = False
        self._beats = 0
        self._end = threading.Event()

    @contextlib.contextmanager
    def held(self, *, wait: bool) -> Iterator[bool]:
        """Hold the lease, and renew it meanwhile; yields whether it is held, which without `wait` may be false."""
        if not self._taken(wait=wait):
            yield False
            return
        beating = threading.Thread(target=self._beat, daemon=True)
        beating.start()
        try:
            yield True
        finally:
            self._end.set()
            beating.join()
            self._release()

    def _record(self, *, released: bool = False) -> bytes:
        self._beats += 1  # other bytes, so another ETag
        holder = f"{socket.gethostname()} process {os.getpid()}"
        return json.dumps({"holder": holder, "place": self.place, "beat": self._beats, "released": released}).encode()

    def _taken(self, *, wait: bool) -> bool:
        version, since, told = "", 0.0, False
        while True:
            found = self.objects.found(self.name)
            if found is None:
                self.etag = self.objects.create(self.name, self._record()) or ""
            else:
                if found.etag != version:
                    version, since = found.etag, time.monotonic()
                holder = self._holder()
                if self._free(holder) or time.monotonic() - since > EXPIRY or found.age > LONG_DEAD:
                    self.etag = self.objects.replace(self.name, self._record(), found.etag) or ""
                elif not wait:
                    return False
                else:
                    if not told:
                        log.info("%s: %s is at it; waiting for it", self.name, holder.get("holder", "another run"))
                        told = True
                    time.sleep(POLL)
            if self.etag:
                return True

    def _free(self, holder: dict[str, Any]) -> bool:
        """Given back, or held from our place: by one that is gone, or by our own write whose answer got lost."""
        return bool(holder.get("released")) or holder.get("place") == self.place

    def _holder(self) -> dict[str, Any]:
        """What the lease says of its holder. It may be newer than the version seen: then taking it is refused."""
        try:
            record: dict[str, Any] = json.loads(self.objects.read(self.name) or b"{}")
        except ValueError:
            return {}
        return record

    def _beat(self) -> None:
        while not self._end.wait(BEAT):
            try:
                self._renew()
            except StageFailure as error:
                log.warning("the lease %s could not be renewed: %s", self.name, error)
            if self.lost:
                log.warning("the lease %s went over to another run: both build, and the first to end counts", self.name)
                return

    def _renew(self, *, released: bool = False) -> None:
        etag = self.objects.replace(self.name, self._record(released=released), self.etag)
        if etag is None and self._holder().get("place") == self.place:  # the answer to an earlier renewal got lost
            found = self.objects.found(self.name)
            etag = found and self.objects.replace(self.name, self._record(released=released), found.etag)
        self.etag, self.lost = etag or "", etag is None

    def _release(self) -> None:
        if self.lost:
            return
        try:
            self._renew(released=True)
        except StageFailure as error:
            log.warning("the lease %s could not be given back and will expire: %s", self.name, error)
