"""A client for the objects below one s3:// address: whole reads, conditional writes, readable errors.

Nothing is ever renamed. `create` (If-None-Match: *) and `replace` (If-Match) let exactly one of several writers win;
AWS documents both for PutObject, and MinIO, R2 and Ceph have them too. Endpoint and credentials come from the usual
environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, AWS_PROFILE).
"""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import HINTS, BadSetting, StageFailure, Transient

SCHEME = "s3://"
MAX_CONFLICT_RETRIES = 5  # tries of a conditional write that collided with another (409: AWS asks to try again)
OLD_UPLOAD_SECONDS = 86400.0  # an upload in parts takes less
MAX_KEYS_PER_DELETE = 1000  # limit of one DeleteObjects request
TRANSIENT_CODES = {
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "OperationAborted",
    "Throttling",
}


class ObjectInfo(NamedTuple):
    """Metadata of an object, known without reading it."""

    size: int
    etag: str
    age: float
    """seconds since it was written, by this machine's clock"""


class UnfinishedUpload(NamedTuple):
    """An upload in parts that was not finished: the name of the object to be, and the bytes that its parts take."""

    name: str
    upload_id: str
    size: int


class S3Client:
    """Read and write the objects whose names begin with one address, `s3://bucket/prefix`."""

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
        with self._translated_errors():
            return self._s3.call_s3(method, Bucket=self.bucket, **arguments)

    def _path(self, name: str) -> str:
        return f"{self.bucket}/{self.prefix}{name}"

    def read(self, name: str) -> bytes | None:
        """Read a whole object; None when it does not exist."""
        with contextlib.suppress(ObjectNotFound), self._translated_errors():
            # in one request: of an object that is replaced meanwhile it is one version or the other
            data: bytes = self._s3.cat_file(self._path(name), max_concurrency=1)
            return data
        return None

    def head(self, name: str) -> ObjectInfo | None:
        """Return the metadata of an object; None when it does not exist."""
        with contextlib.suppress(ObjectNotFound):
            head = self._call("head_object", Key=self.prefix + name)
            return read_object_info(head["ContentLength"], head)
        return None

    def list_objects(self, beginning: str = "") -> dict[str, ObjectInfo]:
        """List the objects whose names begin with a prefix, by name."""
        pages = self._pages(beginning)
        return {
            entry["Key"].removeprefix(self.prefix): read_object_info(entry["Size"], entry)
            for page in pages
            for entry in page.get("Contents", ())
        }

    def list_prefixes(self, beginning: str = "") -> list[str]:
        """List the next path components of the names that begin with a prefix and continue after a slash."""
        pages = self._pages(beginning, Delimiter="/")
        prefixes = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]
        return [prefix.removeprefix(self.prefix + beginning).rstrip("/") for prefix in prefixes]

    def _pages(self, beginning: str, **arguments: str) -> Iterator[Any]:
        more = {"Prefix": self.prefix + beginning, **arguments}
        while more:
            page = self._call("list_objects_v2", **more)
            yield page
            token = page.get("NextContinuationToken")
            more = {**more, "ContinuationToken": token} if token else {}

    def create(self, name: str, data: bytes) -> str | None:
        """Write an object that does not exist yet and return its ETag; None when it exists."""
        return self._put_if(name, data, IfNoneMatch="*")

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Replace an object that still has this ETag and return the new ETag; None when it has another."""
        return self._put_if(name, data, IfMatch=etag)

    def _put_if(self, name: str, data: bytes, **condition: str) -> str | None:
        for _ in range(MAX_CONFLICT_RETRIES):
            try:
                # When the answer to a write is lost, botocore sends it again, and the second one fails on its own
                # condition. So None does not prove that another was faster: callers read the object to see who won.
                answer = self._call("put_object", Key=self.prefix + name, Body=data, **condition)
            except WriteConflict:
                time.sleep(0.1)
            # If-Match on an object that was removed is answered with 404
            except (PreconditionFailed, ObjectNotFound):
                return None
            else:
                return str(answer["ETag"])
        raise Transient(f"{self.address}/{name} is being written by others", "Start the same command again")

    def write(self, name: str, data: bytes) -> None:
        """Write an object unconditionally."""
        self._call("put_object", Key=self.prefix + name, Body=data)

    def upload(self, path: Path, name: str) -> None:
        """Upload a file, in parts when it is large: the object is complete or absent."""
        with self._translated_errors():
            self._s3.put_file(str(path), self._path(name))

    def copy(self, source: str, target: str) -> None:
        """Copy an object on the server: the copy is complete or absent."""
        with self._translated_errors():
            self._s3.cp_file(self._path(source), self._path(target))

    def download(self, name: str, path: Path) -> bool:
        """Download an object to a path; return whether the object exists."""
        with contextlib.suppress(ObjectNotFound), self._translated_errors():
            self._s3.get_file(self._path(name), str(path))
            return True
        return False

    def remove(self, names: list[str]) -> None:
        """Remove objects; names that do not exist are ignored."""
        for first in range(0, len(names), MAX_KEYS_PER_DELETE):
            keys = [{"Key": self.prefix + name} for name in names[first : first + MAX_KEYS_PER_DELETE]]
            answer = self._call("delete_objects", Delete={"Objects": keys, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StageFailure(f"{self.address}: {error['Key']} stays: {error['Message']}", CREDENTIALS)

    def list_old_uploads(self) -> list[UnfinishedUpload]:
        """List the uploads in parts that began more than a day ago and were not finished: their writer was killed.

        Empty where the object store does not list them.
        """
        oldest_allowed = datetime.now(UTC) - timedelta(seconds=OLD_UPLOAD_SECONDS)
        try:
            uploads = self._call("list_multipart_uploads", Prefix=self.prefix).get("Uploads", [])
        except StageFailure:  # not every object store has it, nor may every user ask
            return []
        old_uploads = []
        for upload in uploads:
            if upload["Initiated"] < oldest_allowed:
                parts = self._call("list_parts", Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts", [])
                size = sum(part["Size"] for part in parts)
                name = upload["Key"].removeprefix(self.prefix)
                old_uploads.append(UnfinishedUpload(name, upload["UploadId"], size))
        return old_uploads

    def abort_upload(self, name: str, upload_id: str) -> None:
        """Give up an upload in parts, which removes its parts."""
        self._call("abort_multipart_upload", Key=self.prefix + name, UploadId=upload_id)

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raise errors of the object store as StageFailure or Transient, or as one of ERRORS_BY_CODE for callers."""
        try:
            yield
        except StageFailure:
            raise
        except Exception as error:
            clear = translate_s3_error(self.address, self.bucket, error)
            if clear is error:
                raise
            raise clear from error


class ObjectNotFound(Exception):
    """The object does not exist."""


class PreconditionFailed(Exception):
    """The condition of a write does not hold."""


class WriteConflict(Exception):
    """Two conditional writes collided, and this one has to be tried again."""


ERRORS_BY_CODE: dict[str, type[Exception]] = {
    "NoSuchKey": ObjectNotFound,
    # HEAD has no body, so botocore names its errors by the status alone
    "404": ObjectNotFound,
    "PreconditionFailed": PreconditionFailed,
    "412": PreconditionFailed,
    "ConditionalRequestConflict": WriteConflict,
    "409": WriteConflict,
}
CREDENTIALS = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do there"
NETWORK = "Check the network and AWS_ENDPOINT_URL, then start the same command again: what was finished is kept"
SETTINGS = "Correct --store, AWS_ENDPOINT_URL, AWS_DEFAULT_REGION or AWS_PROFILE"


def error_code_of(error: BaseException) -> str:
    """Return the object store's error code, such as NoSuchBucket; empty where the error has none."""
    # s3fs translates botocore's errors to OSError, and keeps the original as the cause
    answer = getattr(error, "response", None) or getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def translate_s3_error(address: str, bucket: str, error: Exception) -> Exception:
    """Return an error of s3fs as one with a hint; an unknown error is returned unchanged."""
    code = error_code_of(error)
    if code == "NoSuchBucket":
        return StageFailure(f"the store {address}: there is no bucket {bucket}", "Make it, or correct --store")
    if code in ERRORS_BY_CODE:
        return ERRORS_BY_CODE[code](address)
    if (code and isinstance(error, PermissionError)) or "Credentials" in type(error).__name__:
        return StageFailure(f"the store {address} refuses access: {error}", CREDENTIALS)
    if code in TRANSIENT_CODES or (code.isdecimal() and int(code) >= 500):
        return Transient(f"the store {address} does not answer: {error}", NETWORK)
    if code:
        return StageFailure(f"the store {address}: {code}: {error}", SETTINGS)
    return translate_transport_error(address, error)


def translate_transport_error(address: str, error: Exception) -> Exception:
    """Return an error without an S3 code, of the network or the settings, as one with a hint."""
    from aiohttp import ClientError  # noqa: PLC0415 - s3fs brings both, and is an optional extra
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, OSError) and (error.filename or error.errno in HINTS):
        return error  # of this machine's disk
    # Some of these are subclasses of BotoCoreError, so they are looked for before it.
    network = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError, ClientError)
    if isinstance(error, (OSError, *network)):
        return Transient(f"the store {address} does not answer: {error}", NETWORK)
    if isinstance(error, (exceptions.BotoCoreError, ValueError)):  # such as an endpoint that is not a URL
        return StageFailure(f"the store {address}: {error}", SETTINGS)
    return error


def read_object_info(size: int, answer: Any) -> ObjectInfo:
    """Read the metadata from an entry of a listing, or from the answer to HEAD."""
    age = datetime.now(UTC) - answer["LastModified"]
    return ObjectInfo(int(size), str(answer["ETag"]), age.total_seconds())
