"""Files in archives, read in place: .zip and .tar with their packed forms, and single files in .gz, .xz, .bz2, .zst.

What unpacks to more than a limit is refused before it fills the memory: an archive of a few kilobytes can hold
gigabytes of zeros (a "bomb").
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Self

import zstandard

from tasks.errors import StageFailure

MAX_FILE_BYTES = 2 << 30
"""most bytes that one file may unpack to"""
MAX_ARCHIVE_BYTES = 4 << 30
"""most bytes that the files of an archive without an index (.tar) may unpack to together: all are kept in memory"""
MAX_MEMBERS = 1_000_000
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".xz": lzma.LZMAFile,
    ".bz2": bz2.BZ2File,
    ".zst": lambda file: ZstdFrames(file),  # noqa: PLW0108 - the class is defined below
}
"""Suffix of a packed file → a function that opens it for reading"""
ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, zstandard.ZstdError,
          NotImplementedError, RuntimeError)  # fmt: skip
"""What the standard library raises for broken, encrypted or unknown archives"""


class ZstdFrames:
    """Frames of Zstandard one after the other. The library's own reader takes a cut frame for a complete one."""

    PIECE = 4096
    """bytes that are unpacked at once: to 128 MiB at most, since a block of 128 KiB has four bytes at least"""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._frame = file, zstandard.ZstdDecompressor().decompressobj()
        self._packed, self._is_inside = b"", False

    def read(self, size: int) -> bytes:
        """Return some of the unpacked bytes, whatever `size` is; none at the end. Raises EOFError for a cut frame."""
        del size
        while self._packed or (piece := self._file.read(self.PIECE)):
            packed, self._packed = self._packed or piece, b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            unpacked = self._frame.decompress(packed)
            self._is_inside, self._packed = not self._frame.eof, self._frame.unused_data
            if unpacked:
                return unpacked
        if self._is_inside:
            raise EOFError("the last frame is cut off")
        return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        del error


def is_archive(name: str) -> bool:
    """Return whether a file's name says that it holds files: it is then read like a folder."""
    return name.lower().endswith((".zip", *TAR_SUFFIXES))


def strip_packing_suffix(name: str) -> str:
    """Return a file's name without the suffix of its packing: `train.tsv.gz` → `train.tsv`."""
    suffix = Path(name).suffix.lower()
    return name[: -len(suffix)] if suffix in OPENERS and not is_archive(name) else name


def strip_archive_suffix(name: str) -> str:
    """Return an archive's name without its suffix, and any other name unchanged."""
    suffixes = (suffix for suffix in (".zip", *sorted(TAR_SUFFIXES, key=len, reverse=True)))
    suffix = next((suffix for suffix in suffixes if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def unpack_file(content: bytes, name: str, origin: str) -> bytes:
    """Return what a file holds, unpacked if its name says that it is packed. Raises StageFailure."""
    opener = OPENERS.get(Path(name).suffix.lower())
    if opener is None:
        return content
    try:
        with opener(io.BytesIO(content)) as stream:
            return read_limited(stream, origin)
    except ERRORS as error:
        raise StageFailure(f"{origin} is not a complete {Path(name).suffix} file: {error}", "Copy it again") from error


def read_limited(stream: Any, origin: str) -> bytes:
    """Return the rest of a stream. Raises StageFailure above MAX_FILE_BYTES."""
    chunks, size = [], 0
    while chunk := stream.read(1 << 20):
        size += len(chunk)
        if size > MAX_FILE_BYTES:
            raise StageFailure(
                f"{origin} unpacks to more than {MAX_FILE_BYTES >> 30} GiB", "Unpack it yourself, and give a part of it"
            )
        chunks.append(chunk)
    return b"".join(chunks)


class Archive:
    """An open archive: the names of its files, and their contents."""

    def __init__(self, path: Path) -> None:
        """Read the list of files. Raises StageFailure for a broken archive."""
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        self._contents: dict[str, bytes] = {}
        try:
            if path.name.lower().endswith(".zip"):
                self._zip = zipfile.ZipFile(path)
                # a zip file has an index, so its members are unpacked when they are asked for
                self.names: dict[str, zipfile.ZipInfo | None] = {
                    _clean_name(info.filename): info for info in self._zip.infolist() if not info.is_dir()
                }
            else:
                self._contents = _read_tar(path)
                self.names = dict.fromkeys(self._contents)
        except ERRORS as error:
            raise StageFailure(f"{path} is not a complete archive: {error}", "Copy it again") from error
        # what macOS and unzippers leave beside the files
        self.names = {name: info for name, info in self.names.items() if name and not _is_hidden(name)}

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises KeyError where there is none, StageFailure where it is broken."""
        info, origin = self.names[name], f"{self.path}/{name}"
        if self._zip is None:
            return self._contents[name]
        try:
            with self._zip.open(info or name) as stream:
                return read_limited(stream, origin)
        except ERRORS as error:
            raise StageFailure(f"{origin} cannot be unpacked: {error}", "Copy the archive again") from error


def open_archive(path: Path) -> Archive:
    """Open an archive; a few are kept open while their files do not change."""
    status = path.stat()
    return _open_archive(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _open_archive(path: Path, modified: int, size: int) -> Archive:  # noqa: ARG001 - a changed file is opened again
    return Archive(path)


def _read_tar(path: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    total = 0
    with tarfile.open(path) as archive:
        # a tar file has no index: reading its members one by one would unpack it from its start each time
        for number, member in enumerate(archive):
            total += member.size
            if total > MAX_ARCHIVE_BYTES or number >= MAX_MEMBERS:
                raise StageFailure(
                    f"{path} unpacks to more than {MAX_ARCHIVE_BYTES >> 30} GiB or {MAX_MEMBERS:,} files",
                    "Unpack it yourself, and give the folder",
                )
            # links and devices are no files of the archive
            if member.isfile() and (stream := archive.extractfile(member)) is not None:
                contents[_clean_name(member.name)] = stream.read()
    return contents


def _clean_name(name: str) -> str:
    """Return a member's name as a path below the archive: nothing is ever written, so `..` is only a name."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)
