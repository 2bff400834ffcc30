"""Gzip and zstd files as streams that never end early without saying so, and that can go on after damage."""

import io
import zlib
from typing import Any, BinaryIO, cast

import zstandard

PACKED_SUFFIXES = (".gz", ".zst")
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
DICTIONARY_MAGIC = (
    b"\x5d\x2a\x4d\x18"  # a skippable zstd frame of this kind heads a .warc.zst file (IIPC, warc-zstd 1.0)
)
# Fed to the unpacker at once. Four bytes of zstd can stand for 128 KiB, so a bomb grows to 128 MB here, and no further.
CHUNK_BYTES = 4096


class DamagedData(Exception):
    """Packed bytes that cannot be unpacked, or that end too early."""


def strip_packed_suffix(name: str) -> str:
    """`a.jsonl.gz` → `a.jsonl`."""
    return name.rpartition(".")[0] if name.lower().endswith(PACKED_SUFFIXES) else name


def open_unpacked(file: BinaryIO) -> io.BufferedReader:
    """The bytes of a seekable file, unpacked when its first bytes say that it is packed. Reading raises Damaged."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(GZIP_MAGIC):
        return buffer_members(PackedMembers(file, GZIP_MAGIC))
    if start == ZSTD_MAGIC or is_skippable_frame(start):
        return buffer_members(PackedMembers(file, ZSTD_MAGIC))
    return cast("io.BufferedReader", file)


def buffer_members(members: "PackedMembers") -> io.BufferedReader:
    """A stream whose buffer never holds bytes of two members."""
    return io.BufferedReader(members, 16 * CHUNK_BYTES)


def get_members(stream: io.BufferedReader) -> "PackedMembers | None":
    """What a stream unpacks; None when the file was not packed."""
    raw = getattr(stream, "raw", None)
    return raw if isinstance(raw, PackedMembers) else None


def is_skippable_frame(start: bytes) -> bool:
    """Whether a zstd frame holds something else than data (RFC 8878, 3.1.2)."""
    return len(start) >= 4 and start[0] & 0xF0 == 0x50 and start[1:4] == DICTIONARY_MAGIC[1:]


class PackedMembers(io.RawIOBase):
    """Unpacks gzip members or zstd frames one after another.

    `start` is where in the file the member begins that was read last, `opening` are its first bytes, unpacked. After
    Damaged the next read goes on with the next member whose magic number is found.
    """

    def __init__(self, file: BinaryIO, magic: bytes) -> None:
        self.file, self.magic = file, magic
        self.start, self.opening = 0, b""
        self.unpacker: Any = None
        self.zstd = zstandard.ZstdDecompressor()
        self.rest = b""  # of the file, read but not unpacked
        self.ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """As of a raw file. Raises Damaged."""
        while not self.ready:
            try:
                if self.unpacker is None and not self._begin():
                    return 0
                self._unpack()
            except (zlib.error, zstandard.ZstdError, EOFError) as error:
                self.go_past(self.start)
                raise DamagedData(f"it ends or breaks in the middle ({error})") from error
        size = min(len(buffer), len(self.ready))
        buffer[:size], self.ready = self.ready[:size], self.ready[size:]
        return size

    def go_past(self, start: int) -> None:
        """Leave the member that begins at `start`, and all that was read since, for the next one."""
        self.unpacker, self.ready = None, memoryview(b"")
        position, tail = start + 1, b""
        self.file.seek(position)
        while block := self.file.read(CHUNK_BYTES):
            if (found := (tail + block).find(self.magic)) >= 0:
                self.file.seek(position - len(tail) + found)
                break
            position, tail = position + len(block), block[1 - len(self.magic) :]
        self.rest = b""

    def _begin(self) -> bool:
        """Find the next member; False at the end of the file."""
        self._read_head()
        while self.magic == ZSTD_MAGIC and is_skippable_frame(self.rest):
            self._skip()
            self._read_head()
        if self.rest and not self.rest.startswith(self.magic):
            self.go_past(self.start)
            raise DamagedData("there is something else between its packed members")
        self.unpacker = zlib.decompressobj(31) if self.magic == GZIP_MAGIC else self.zstd.decompressobj()
        self.opening = b""
        return bool(self.rest)

    def _read_head(self) -> None:
        self.rest = self.rest.lstrip(b"\0") or self.file.read(CHUNK_BYTES).lstrip(b"\0")  # gzip files may be padded
        if 0 < len(self.rest) < 8:
            self.rest += self.file.read(CHUNK_BYTES)
        self.start = self.file.tell() - len(self.rest)

    def _skip(self) -> None:
        """Leave out a skippable frame; the first of the file may hold the dictionary of all others."""
        length = int.from_bytes(self.rest[4:8], "little")
        is_dictionary = self.start == 0 and self.rest.startswith(DICTIONARY_MAGIC)
        begin, self.rest = self.start + 8, b""
        self.file.seek(begin)
        content = self.file.read(length) if is_dictionary else b""
        self.file.seek(begin + length - 1)
        if not self.file.read(1):
            raise DamagedData("it ends in the middle of a skippable frame")
        if is_dictionary:
            if content.startswith(ZSTD_MAGIC):
                content = self.zstd.decompressobj().decompress(content)
            # frames that need no dictionary may be given one, too
            self.zstd = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(content))

    def _unpack(self) -> None:
        piece, self.rest = self.rest or self.file.read(CHUNK_BYTES), b""
        if not piece:
            raise EOFError("the last member is cut off")
        self.ready = memoryview(self.unpacker.decompress(piece))
        self.opening = self.opening or bytes(self.ready[:5])
        if self.unpacker.eof:
            self.rest, self.unpacker = self.unpacker.unused_data, None
