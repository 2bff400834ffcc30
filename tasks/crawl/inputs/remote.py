"""Files behind a URL that fsspec knows (https://, s3://, gs://, …), read in ranges that are asked for again.

Keys, endpoints and the like come from the environment: AWS_PROFILE, AWS_ENDPOINT_URL, FSSPEC_S3_ANON=true, HF_TOKEN.
"""

import io
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar, cast

from tasks.errors import StageFailure, Transient
from tasks.runtime.network_errors import is_transient_network_error

T = TypeVar("T")
RANGE_BYTES = 8 << 20  # bytes of one range
RETRY_WAITS = [1.0, 4.0, 15.0]  # seconds between tries; after that the whole stage is tried again
# a server that packs what it sends would make lengths and ranges lie
FILESYSTEM_OPTIONS: dict[str, dict[str, Any]] = {
    name: {"headers": {"Accept-Encoding": "identity"}} for name in ("http", "https")
}
VERSION_FIELDS = ("ETag", "etag", "md5Hash", "md5", "Content-MD5", "LastModified", "Last-Modified", "mtime", "created")
DATE_FIELDS = ("LastModified", "Last-Modified", "mtime", "created")


def is_remote(path: str) -> bool:
    """Whether a path is a URL, and not of this machine."""
    return re.match(r"[a-z][a-z0-9+.-]*://", path) is not None and not path.startswith("file://")


def open_filesystem(url: str) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and the path in it. Raises StageFailure."""
    from fsspec.core import url_to_fs  # noqa: PLC0415 - with its parts half a second, and most inputs are local

    try:
        found: tuple[Any, str] = url_to_fs(url, **FILESYSTEM_OPTIONS.get(url.partition(":")[0], {}))
    except (ImportError, ValueError) as error:
        mend = "Install what it names (for s3:// pip install 'textmill[s3]'), or give a path on this machine"
        raise StageFailure(f"{url} cannot be opened: {error}", mend) from error
    return found


def retry_request(url: str, ask: Callable[[], T]) -> T:
    """What `ask` gives, asked again while the network fails. Raises Transient when it goes on, else StageFailure."""
    for wait in [*RETRY_WAITS, None]:
        try:
            return ask()
        except Exception as error:
            # fsspec's HTTP says "not found" of everything, and keeps what it was
            problem = (error.__cause__ or error) if isinstance(error, FileNotFoundError) else error
            what = f"{url} cannot be read ({type(problem).__name__}: {problem})"
            if not is_transient_network_error(problem):
                raise StageFailure(what, "Correct the address, or get the right to read it") from error
            if wait is None:
                raise Transient(what, "Start the same command again when the server answers") from error
        time.sleep(wait)
    raise AssertionError


def list_remote_files(url: str) -> tuple[str, list[str]]:
    """The URL that names are relative to, and the names of the files that are meant: one, a folder's, or a pattern's.

    Nothing that begins with a dot. Behind https:// there are no folders, so it is always one file.
    """
    files, path = open_filesystem(url)
    files.invalidate_cache()  # what a long-lived process saw in the last snapshot
    is_web = url.startswith(("http://", "https://"))
    if not is_web and any(character in path for character in "*?["):
        root = path[: min(path.find(each) for each in "*?[" if each in path)].rpartition("/")[0]
        found = retry_request(
            url, lambda: [name for name, info in files.glob(path, detail=True).items() if is_file(info)]
        )
    elif is_web or is_file(retry_request(url, lambda: files.info(path))):
        root, found = path.rpartition("/")[0], [path]
    else:
        root, found = path.rstrip("/"), retry_request(url, lambda: files.find(path))
    names = [name.removeprefix(root).lstrip("/") for name in found]
    return files.unstrip_protocol(root), sorted(name for name in names if not is_hidden(name))


def is_file(info: dict[str, Any]) -> bool:
    return bool(info["type"] == "file")


def is_hidden(name: str) -> bool:
    """Whether a file or a folder above it begins with a dot."""
    return any(part.startswith(".") for part in name.split("/"))


def fetch_file_info(url: str) -> dict[str, Any]:
    """What the server says of a file: its size and whatever tells one version from another."""
    files, path = open_filesystem(url)
    return cast("dict[str, Any]", retry_request(url, lambda: files.info(path)))


def fetch_version(url: str) -> str:
    """Size and ETag, checksum or date of change, whichever the server names first: another content has another."""
    info = fetch_file_info(url)
    return f"{info['size']} {next((str(info[name]) for name in VERSION_FIELDS if info.get(name)), '')}"


def fetch_modified_ms(url: str) -> int:
    """When the file was written, in milliseconds since 1970; 0 where the server does not say."""
    info = fetch_file_info(url)
    date = next((info[name] for name in DATE_FIELDS if info.get(name)), 0)
    moment = parsedate_to_datetime(date) if isinstance(date, str) else date
    return int(1000 * (moment.timestamp() if hasattr(moment, "timestamp") else moment))


def open_remote_file(url: str) -> BinaryIO:
    """A file for reading, seekable. Raises StageFailure or Transient, also while it is read, and never ends early."""
    return io.BufferedReader(RangeReader(url), RANGE_BYTES)


class RangeReader(io.RawIOBase):
    """A file behind a URL. Every range is checked to be as long as was asked for."""

    def __init__(self, url: str) -> None:
        self.url, self.position = url, 0
        self.files, self.path = open_filesystem(url)
        size = fetch_file_info(url)["size"]
        if size is None:
            raise StageFailure(f"{url} does not say how long it is", "Download it, and give the folder where it lies")
        self.size = int(size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = max(offset + (0, self.position, self.size)[whence], 0)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        start, stop = self.position, min(self.position + len(buffer), self.size)
        if stop <= start:
            return 0
        buffer[: stop - start] = retry_request(self.url, lambda: self._range(start, stop))
        self.position = stop
        return stop - start

    def _range(self, start: int, stop: int) -> bytes:
        content: bytes = self.files.cat_file(self.path, start=start, end=stop)
        if len(content) > stop - start:
            mend = "download it, and give the folder where it lies"
            raise NotImplementedError(f"the server sends no parts of a file: {mend}")
        if len(content) < stop - start:
            raise ConnectionError(f"{len(content):,} bytes came where {stop - start:,} were asked for")
        return content
