"""Objects below one s3:// address: whole reads, conditional writes, and errors as sentences.

Nothing is ever renamed. `create` (If-None-Match: *) and `replace` (If-Match) let exactly one of several writers win;
AWS documents both for PutObject, and MinIO, R2 and Ceph have them too. Where and who come from the usual environment
(AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, AWS_PROFILE).
"""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import HINTS, BadSetting, StageFailure, Transient

SCHEME = "s3://"
CONFLICTS = 5  # tries of a conditional write that met another in the same moment (409: AWS asks to try again)
DELETED_AT_ONCE = 1000  # by one DeleteObjects request, at most
HEALING = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "Throttling"}


class ObjectInfo(NamedTuple):
    """What is known of an object without reading it."""

    size: int
    etag: str
    age: float
    """seconds since it was written, by this machine's clock"""


class Objects:
    """The objects whose names begin with one address, `s3://bucket/prefix`."""

    def __init__(self, address: str) -> None:
        below = address.removeprefix(SCHEME).strip("/")
        self.address = SCHEME + below
        self.bucket, _, prefix = below.partition("/")
        self.prefix = f"{prefix}/" if prefix else ""
        if not self.bucket:
            raise BadSetting(f"{address} names no bucket", "Give s3://bucket or s3://bucket/prefix")

    @cached_property
    def _s3(self) -> Any:
        try:
            import s3fs  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise StageFailure(f"{self.address} needs s3fs", "Install it with: pip install 'textmill[s3]'") from None
        return s3fs.S3FileSystem(
            # named here, because s3fs keeps its instances by their arguments
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
            use_listings_cache=False,  # others write here too
            config_kwargs={"retries": {"mode": "standard", "max_attempts": 2}},  # on top of those of s3fs
        )

    def _call(self, method: str, **arguments: Any) -> Any:
        with self._explained():
            return self._s3.call_s3(method, Bucket=self.bucket, **arguments)

    def _path(self, name: str) -> str:
        return f"{self.bucket}/{self.prefix}{name}"

    def read(self, name: str) -> bytes | None:
        """The whole object; None when there is none."""
        with contextlib.suppress(ObjectNotFound), self._explained():
            # in one request: of an object that is replaced meanwhile it is one version or the other
            data: bytes = self._s3.cat_file(self._path(name), max_concurrency=1)
            return data
        return None

    def found(self, name: str) -> ObjectInfo | None:
        """What is known of an object; None when there is none."""
        with contextlib.suppress(ObjectNotFound):
            head = self._call("head_object", Key=self.prefix + name)
            return seen(head["ContentLength"], head)
        return None

    def listed(self, beginning: str = "") -> dict[str, ObjectInfo]:
        """All objects whose names begin like this, by name."""
        pages = self._pages(beginning)
        return {
            each["Key"].removeprefix(self.prefix): seen(each["Size"], each)
            for page in pages
            for each in page.get("Contents", ())
        }

    def folders(self, beginning: str = "") -> list[str]:
        """The next parts of the names that begin like this and go on behind a slash."""
        pages = self._pages(beginning, Delimiter="/")
        found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        return [prefix.removeprefix(self.prefix + beginning).rstrip("/") for prefix in found]

    def _pages(self, beginning: str, **arguments: str) -> Iterator[Any]:
        more = {"Prefix": self.prefix + beginning, **arguments}
        while more:
            page = self._call("list_objects_v2", **more)
            yield page
            token = page.get("NextContinuationToken")
            more = {**more, "ContinuationToken": token} if token else {}

    def create(self, name: str, data: bytes) -> str | None:
        """Write an object that is not there yet and return its ETag; None when it is there."""
        return self._put_if(name, data, IfNoneMatch="*")

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Write an object that still has this ETag and return the new one; None when it has another."""
        return self._put_if(name, data, IfMatch=etag)

    def _put_if(self, name: str, data: bytes, **condition: str) -> str | None:
        for _ in range(CONFLICTS):
            try:
                answer = self._call("put_object", Key=self.prefix + name, Body=data, **condition)
            except Conflict:
                time.sleep(0.1)
            except (PreconditionFailed, ObjectNotFound):
                return None
            else:
                return str(answer["ETag"])
        raise Transient(f"{self.address}/{name} is being written by others", "Start the same command again")

    def write(self, name: str, data: bytes) -> None:
        """Write an object, whatever was there."""
        self._call("put_object", Key=self.prefix + name, Body=data)

    def upload(self, path: Path, name: str) -> None:
        """Bring a file there, in parts when it is large: it is there whole or not at all."""
        with self._explained():
            self._s3.put_file(str(path), self._path(name))

    def copy(self, source: str, target: str) -> None:
        """Copy an object without bringing it here: it is there completely or not at all."""
        with self._explained():
            self._s3.cp_file(self._path(source), self._path(target))

    def download(self, name: str, path: Path) -> bool:
        """Bring an object here; whether there is such an object."""
        with contextlib.suppress(ObjectNotFound), self._explained():
            self._s3.get_file(self._path(name), str(path))
            return True
        return False

    def remove(self, names: list[str]) -> None:
        """Remove objects; those that are not there are none to remove."""
        for first in range(0, len(names), DELETED_AT_ONCE):
            keys = [{"Key": self.prefix + name} for name in names[first : first + DELETED_AT_ONCE]]
            answer = self._call("delete_objects", Delete={"Objects": keys, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StageFailure(f"{self.address}: {error['Key']} stays: {error['Message']}", CREDENTIALS)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the object store as StageFailure or Transient; Missing, Refused and Conflict are for callers."""
        try:
            yield
        except StageFailure:
            raise
        except Exception as error:
            clear = explained(self.address, self.bucket, error)
            if clear is error:
                raise
            raise clear from error


class ObjectNotFound(Exception):
    """There is no such object."""


class PreconditionFailed(Exception):
    """The condition of a write does not hold."""


class Conflict(Exception):
    """Two conditional writes met, and this one has to be tried again."""


ANSWERS: dict[str, type[Exception]] = {
    "NoSuchKey": ObjectNotFound,
    "404": ObjectNotFound,
    "PreconditionFailed": PreconditionFailed,
    "412": PreconditionFailed,
    "ConditionalRequestConflict": Conflict,
    "409": Conflict,
}
CREDENTIALS = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do there"
NETWORK = "Check the network and AWS_ENDPOINT_URL, then start the same command again: what was finished is kept"
SETTINGS = "Correct --store, AWS_ENDPOINT_URL, AWS_DEFAULT_REGION or AWS_PROFILE"


def code_of(error: BaseException) -> str:
    """The object store's own word for an error, such as NoSuchBucket; empty when the error is not its own."""
    answer = getattr(error, "response", None) or getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def explained(address: str, bucket: str, error: Exception) -> Exception:
    """An error of s3fs as one that says what to do; one that is not understood is returned as it is."""
    code = code_of(error)
    if code == "NoSuchBucket":
        return StageFailure(f"the store {address}: there is no bucket {bucket}", "Make it, or correct --store")
    if code in ANSWERS:
        return ANSWERS[code](address)
    if (code and isinstance(error, PermissionError)) or "Credentials" in type(error).__name__:
        return StageFailure(f"the store {address} refuses access: {error}", CREDENTIALS)
    if code in HEALING or (code.isdecimal() and int(code) >= 500):
        return Transient(f"the store {address} does not answer: {error}", NETWORK)
    if code:
        return StageFailure(f"the store {address}: {code}: {error}", SETTINGS)
    return unanswered(address, error)


def unanswered(address: str, error: Exception) -> Exception:
    """The same of an error that is not the object store's own word."""
    from aiohttp import ClientError  # noqa: PLC0415 - s3fs brings both, and is an optional extra
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, OSError) and (error.filename or error.errno in HINTS):
        return error  # of this machine's disk
    network = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError, ClientError)
    if isinstance(error, (OSError, *network)):
        return Transient(f"the store {address} does not answer: {error}", NETWORK)
    if isinstance(error, (exceptions.BotoCoreError, ValueError)):  # such as an endpoint that is no address
        return StageFailure(f"the store {address}: {error}", SETTINGS)
    return error


def seen(size: int, answer: Any) -> ObjectInfo:
    """From an entry of a listing, or the answer to HEAD."""
    age = datetime.now(UTC) - answer["LastModified"]
    return ObjectInfo(int(size), str(answer["ETag"]), age.total_seconds())
