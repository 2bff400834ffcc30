"""A lock across machines: a lease object that its holder renews. It passes to another when renewals stop.

Each change is conditional on the version that was read (its ETag), so exactly one of several takers wins, and a holder
that slept too long learns that it lost. No clocks are compared: a lease is expired when a waiting process has read the
same version for `EXPIRY_SECONDS` seconds of its own (or when it is so old that no clock is wrong by that much).
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
from tasks.store.s3_client import S3Client

LEASE_NAME = ".lease"  # the object's name, beside what it guards
EXPIRY_SECONDS = 60.0  # without a renewal a holder counts as dead
HEARTBEAT_SECONDS = 15.0  # between renewals: three may get lost
POLL_SECONDS = 2.0  # between two reads of a waiting process
MAX_AGE_SECONDS = 3600.0  # an older lease is expired whatever the clocks say


class Lease:
    """One lease object. `owner_id` names something that only one process at a time can hold, such as a locked file.

    The process that holds it knows that an earlier holder with the same `owner_id` is gone, and need not wait.
    """

    def __init__(self, objects: S3Client, name: str, owner_id: str) -> None:
        self.objects, self.name, self.owner_id = objects, name, owner_id
        self.etag = ""
        self.lost = False
        self._beats = 0
        self._released = threading.Event()

    @contextlib.contextmanager
    def acquire(self, *, wait: bool) -> Iterator[bool]:
        """Hold the lease and renew it meanwhile; yields whether it is held, which without `wait` may be False."""
        if not self._try_acquire(wait=wait):
            yield False
            return
        beating = threading.Thread(target=self._send_heartbeats, daemon=True)
        beating.start()
        try:
            yield True
        finally:
            # The heartbeat ends first: it could otherwise renew a lease that is released already.
            self._released.set()
            beating.join()
            self._release()

    def _record(self, *, released: bool = False) -> bytes:
        # The ETag is made from the bytes: without a counter a renewal would look like no renewal.
        self._beats += 1
        holder = f"{socket.gethostname()} process {os.getpid()}"
        return json.dumps(
            {"holder": holder, "place": self.owner_id, "beat": self._beats, "released": released}
        ).encode()

    def _try_acquire(self, *, wait: bool) -> bool:
        # The version that was read last, and since when it is the same, on this process's monotonic clock.
        version, since, is_logged = "", 0.0, False
        while True:
            lease = self.objects.head(self.name)
            if lease is None:
                # an empty ETag: another was faster, and its lease is looked at in the next round
                self.etag = self.objects.create(self.name, self._record()) or ""
            else:
                if lease.etag != version:
                    version, since = lease.etag, time.monotonic()
                # it may be newer than `lease`; then the conditional `replace` below fails
                holder = self._read_holder()
                if self._is_free(holder) or time.monotonic() - since > EXPIRY_SECONDS or lease.age > MAX_AGE_SECONDS:
                    # only if the lease is still the version that was found free: of several takers one wins, and
                    # a renewal that arrives after all lets this fail
                    self.etag = self.objects.replace(self.name, self._record(), lease.etag) or ""
                elif not wait:
                    return False
                else:
                    if not is_logged:
                        log.info("%s: locked by %s; waiting", self.name, holder.get("holder", "another run"))
                        is_logged = True
                    time.sleep(POLL_SECONDS)
            if self.etag:
                return True

    def _is_free(self, holder: dict[str, Any]) -> bool:
        """Tell whether the lease was released, or has our id: its holder is gone, or our write's answer was lost."""
        return bool(holder.get("released")) or holder.get("place") == self.owner_id

    def _read_holder(self) -> dict[str, Any]:
        """Read the lease's record. It may be newer than the version that was read: then taking it fails."""
        try:
            record: dict[str, Any] = json.loads(self.objects.read(self.name) or b"{}")
        except ValueError:
            return {}
        return record

    def _send_heartbeats(self) -> None:
        while not self._released.wait(HEARTBEAT_SECONDS):
            try:
                self._renew()
            except StageFailure as error:
                # not the end: three renewals may fail before others take the lease
                log.warning("the lease %s could not be renewed: %s", self.name, error)
            if self.lost:
                log.warning("the lease %s passed to another run: both build, and the first to finish counts", self.name)
                return

    def _renew(self, *, released: bool = False) -> None:
        etag = self.objects.replace(self.name, self._record(released=released), self.etag)
        if (
            etag is None and self._read_holder().get("place") == self.owner_id
            # (the ETag is another and yet the record is ours: an earlier renewal arrived, and only its answer was lost)
        ):
            lease = self.objects.head(self.name)
            etag = lease and self.objects.replace(self.name, self._record(released=released), lease.etag)
        self.etag, self.lost = etag or "", etag is None

    def _release(self) -> None:
        if self.lost:
            return
        try:
            self._renew(released=True)
        except StageFailure as error:
            log.warning("the lease %s could not be given back and will expire: %s", self.name, error)
