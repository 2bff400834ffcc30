"""Files behind a URL that fsspec knows (https://, s3://, gs://, …), read in ranges with retries.

Keys, endpoints and other options come from the environment:
AWS_PROFILE, AWS_ENDPOINT_URL, FSSPEC_S3_ANON=true, HF_TOKEN.
"""

import io
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

from tasks.crawl.inputs.guarded_http import find_refusal, make_client_factory
from tasks.errors import StageFailure, Transient
from tasks.runtime.network_errors import is_transient_network_error

T = TypeVar("T")
RANGE_BYTES = 8 << 20  # bytes of one range
RETRY_WAITS = [1.0, 4.0, 15.0]  # seconds between attempts; after that the whole stage is retried
CHAIN = "::"  # between two URLs that fsspec reads one through the other: x::http://127.0.0.1/ would reach there
WEB_SCHEMES = ("http://", "https://")
# The surest first: tags and hashes of the content, then dates.
VERSION_FIELDS = ("ETag", "etag", "md5Hash", "md5", "Content-MD5", "LastModified", "Last-Modified", "mtime", "created")
DATE_FIELDS = ("LastModified", "Last-Modified", "mtime", "created")


def is_remote(path: str) -> bool:
    """Return whether a path is a URL of another machine."""
    return re.match(r"[a-z][a-z0-9+.-]*://", path) is not None and not path.startswith("file://")


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it. Raises StageFailure."""
    from fsspec.core import url_to_fs  # noqa: PLC0415 - the import takes half a second, and most inputs are local

    options: dict[str, Any] = {}
    if url.startswith(WEB_SCHEMES):
        scheme, netloc = urlsplit(url)[:2]
        # a server that compresses what it sends would make lengths and ranges wrong
        headers = {"Accept-Encoding": "identity"}
        options = {"headers": headers, "get_client": make_client_factory(f"{scheme}://{netloc}")}
    try:
        filesystem_and_path: tuple[Any, str] = url_to_fs(url, **options)
    except (ImportError, ValueError) as error:
        hint = "Install what it names (for s3:// pip install 'textmill[s3]'), or give a path on this machine"
        raise StageFailure(f"{url} cannot be opened: {error}", hint) from error
    return filesystem_and_path


def retry_request(url: str, request: Callable[[], T]) -> T:
    """Call `request`, and again while the network fails, RETRY_WAITS apart.

    Raises Transient when the network goes on failing, and StageFailure for any other error.
    """
    for wait in [*RETRY_WAITS, None]:
        try:
            return request()
        except Exception as error:
            if refusal := find_refusal(error):
                hint = (
                    "Its server sends the request on to a private address: give the URL of that server if it is yours"
                )
                raise StageFailure(f"{url} cannot be read: {refusal}", hint) from error
            # fsspec's HTTP reports every error as "not found", with the real one as its cause
            problem = (error.__cause__ or error) if isinstance(error, FileNotFoundError) else error
            message = f"{url} cannot be read ({type(problem).__name__}: {problem})"
            if not is_transient_network_error(problem):
                raise StageFailure(message, "Correct the URL, or get the permission to read it") from error
            if wait is None:
                raise Transient(message, "Start the same command again when the server answers") from error
        time.sleep(wait)
    raise AssertionError


def list_remote_files(url: str) -> tuple[str, list[str]]:
    """Return the URL that an input lies behind, and the sorted names of its files, relative to it.

    `url` is a file, a folder or a pattern; names that begin with a dot are left out. Behind https:// there are no
    folders, so it is always one file.
    """
    files, path = open_filesystem(url)
    files.invalidate_cache()  # a long-lived process may have listed it for an earlier snapshot
    is_web = url.startswith(WEB_SCHEMES)
    has_pattern = not is_web and any(character in path for character in "*?[")
    # a file or folder that exists is no pattern: its name may have a bracket
    if has_pattern and not retry_request(url, lambda: files.exists(path)):
        root = path[: min(path.find(character) for character in "*?[" if character in path)].rpartition("/")[0]
        paths = retry_request(
            url, lambda: [name for name, info in files.glob(path, detail=True).items() if is_file(info)]
        )
    elif is_web or is_file(retry_request(url, lambda: files.info(path))):
        root, paths = path.rpartition("/")[0], [path]
    else:
        root, paths = path.rstrip("/"), retry_request(url, lambda: files.find(path))
    names = [name.removeprefix(root).lstrip("/") for name in paths]
    return files.unstrip_protocol(root), sorted(name for name in names if not is_hidden(name))


def is_file(info: dict[str, Any]) -> bool:
    return bool(info["type"] == "file")


def is_hidden(name: str) -> bool:
    """Return whether the name of a file, or of a folder above it, begins with a dot."""
    return any(part.startswith(".") for part in name.split("/"))


def fetch_file_info(url: str) -> dict[str, Any]:
    """Fetch a file's metadata: its size, and what tells one version from another."""
    files, path = open_filesystem(url)
    return cast("dict[str, Any]", retry_request(url, lambda: files.info(path)))


def fetch_version(url: str) -> str:
    """Fetch a string that changes with the content: the size, and the first of VERSION_FIELDS that the server sends."""
    info = fetch_file_info(url)
    return f"{info['size']} {next((str(info[name]) for name in VERSION_FIELDS if info.get(name)), '')}"


def fetch_modified_ms(url: str) -> int:
    """Fetch when a file was written, in milliseconds since 1970; 0 where the server does not say."""
    info = fetch_file_info(url)
    date = next((info[name] for name in DATE_FIELDS if info.get(name)), 0)
    try:
        modified = parsedate_to_datetime(date) if isinstance(date, str) else date
    except ValueError:  # a server may send anything
        return 0
    return int(1000 * (modified.timestamp() if hasattr(modified, "timestamp") else modified))


def open_remote_file(url: str) -> BinaryIO:
    """Open a file for reading; it is seekable, and never ends early without an error.

    Raises StageFailure or Transient, also while it is read.
    """
    # the buffer asks for RANGE_BYTES at a time, so small reads do not become requests
    return io.BufferedReader(RangeReader(url), RANGE_BYTES)


class RangeReader(io.RawIOBase):
    """A file behind a URL, read in ranges. Each range is checked to be as long as requested."""

    def __init__(self, url: str) -> None:
        self.url, self.position = url, 0
        self.files, self.path = open_filesystem(url)
        size = fetch_file_info(url)["size"]
        if size is None:
            raise StageFailure(f"the server does not say how long {url} is", "Download it, and give its folder")
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
        buffer[: stop - start] = retry_request(self.url, lambda: self._fetch_range(start, stop))
        self.position = stop
        return stop - start

    def _fetch_range(self, start: int, stop: int) -> bytes:
        content: bytes = self.files.cat_file(self.path, start=start, end=stop)
        if len(content) > stop - start:
            # it ignored the range and sent the whole file; an error of this class is not retried
            raise NotImplementedError("the server sends no parts of a file: download it, and give its folder")
        if len(content) < stop - start:
            # an error of this class is retried
            raise ConnectionError(f"{len(content):,} bytes came where {stop - start:,} were requested")
        return content
