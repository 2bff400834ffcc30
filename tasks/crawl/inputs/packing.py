"""Gzip and zstd files as streams that never end early without an error, and that can go on after damage."""

import io
import zlib
from typing import Any, BinaryIO, cast

import zstandard

PACKED_SUFFIXES = (".gz", ".zst")
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
DICTIONARY_MAGIC = (
    b"\x5d\x2a\x4d\x18"  # a skippable zstd frame with this magic heads a .warc.zst file (IIPC, warc-zstd 1.0)
)
# Packed bytes that are unpacked in one step. Four bytes of zstd can stand for 128 KiB, so a bomb grows to 128 MB here,
# and no further.
CHUNK_BYTES = 4096


class DamagedData(Exception):
    """Packed bytes cannot be unpacked, or end too early."""


def strip_packed_suffix(name: str) -> str:
    """Return a file name without `.gz` or `.zst`: `a.jsonl.gz` → `a.jsonl`."""
    return name.rpartition(".")[0] if name.lower().endswith(PACKED_SUFFIXES) else name


def open_unpacked(file: BinaryIO) -> io.BufferedReader:
    """Return a stream of a seekable file, unpacked if it begins with a magic number. Reading raises DamagedData."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(GZIP_MAGIC):
        return buffer_members(PackedMembers(file, GZIP_MAGIC))
    if start == ZSTD_MAGIC or is_skippable_frame(start):
        return buffer_members(PackedMembers(file, ZSTD_MAGIC))
    return cast("io.BufferedReader", file)


def buffer_members(members: "PackedMembers") -> io.BufferedReader:
    """Return a buffered stream of the members.

    Its buffer never holds bytes of two members, since each read gives bytes of one: so `PackedMembers.start` is that of
    the bytes that were read last.
    """
    return io.BufferedReader(members, 16 * CHUNK_BYTES)


def get_members(stream: io.BufferedReader) -> "PackedMembers | None":
    """Return the members that a stream unpacks; None when the file is not packed."""
    raw = getattr(stream, "raw", None)
    return raw if isinstance(raw, PackedMembers) else None


def is_skippable_frame(start: bytes) -> bool:
    """Return whether a zstd frame is a skippable one, which holds no data (RFC 8878, 3.1.2)."""
    return len(start) >= 4 and start[0] & 0xF0 == 0x50 and start[1:4] == DICTIONARY_MAGIC[1:]


class PackedMembers(io.RawIOBase):
    """Unpacks gzip members or zstd frames one after another.

    `start` is the offset in the file of the member that was read last, `opening` are its first bytes, unpacked. After
    DamagedData the next read goes on with the next member whose magic number is found.
    """

    def __init__(self, file: BinaryIO, magic: bytes) -> None:
        self.file, self.magic = file, magic
        self.start, self.opening = 0, b""
        self.unpacker: Any = None
        self.zstd = zstandard.ZstdDecompressor()
        self.packed_rest = b""  # read from the file, not yet unpacked
        self.ready = memoryview(b"")  # unpacked, not yet handed out

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as a raw file does. Raises DamagedData."""
        # a chunk may unpack to nothing yet, and a read of 0 bytes would mean the end of the file
        while not self.ready:
            try:
                if self.unpacker is None and not self._start_member():
                    return 0
                self._unpack_chunk()
            except (zlib.error, zstandard.ZstdError, EOFError) as error:
                self.skip_member(self.start)
                raise DamagedData(f"it ends or breaks in the middle ({error})") from error
        size = min(len(buffer), len(self.ready))
        buffer[:size], self.ready = self.ready[:size], self.ready[size:]
        return size

    def skip_member(self, start: int) -> None:
        """Move to the next magic number behind the member that starts at `start`."""
        self.unpacker, self.ready = None, memoryview(b"")
        position, tail = start + 1, b""
        self.file.seek(position)
        while block := self.file.read(CHUNK_BYTES):
            # the magic number may lie across two blocks, so the end of the last one is searched again
            if (index := (tail + block).find(self.magic)) >= 0:
                self.file.seek(position - len(tail) + index)
                break
            position, tail = position + len(block), block[1 - len(self.magic) :]
        self.packed_rest = b""

    def _start_member(self) -> bool:
        """Find the next member; return False at the end of the file."""
        self._read_head()
        while self.magic == ZSTD_MAGIC and is_skippable_frame(self.packed_rest):
            self._skip_frame()
            self._read_head()
        if self.packed_rest and not self.packed_rest.startswith(self.magic):
            self.skip_member(self.start)
            raise DamagedData("there is something else between its packed members")
        # 31: a window of 2^15 bytes, plus 16 for the gzip format
        self.unpacker = zlib.decompressobj(31) if self.magic == GZIP_MAGIC else self.zstd.decompressobj()
        self.opening = b""
        return bool(self.packed_rest)

    def _read_head(self) -> None:
        # gzip files may be padded with zeros
        self.packed_rest = self.packed_rest.lstrip(b"\0") or self.file.read(CHUNK_BYTES).lstrip(b"\0")
        if 0 < len(self.packed_rest) < 8:  # the head of a skippable frame: magic number and length
            self.packed_rest += self.file.read(CHUNK_BYTES)
        self.start = self.file.tell() - len(self.packed_rest)

    def _skip_frame(self) -> None:
        """Skip a skippable frame; the first one of the file may hold the dictionary of all others."""
        length = int.from_bytes(self.packed_rest[4:8], "little")
        is_dictionary = self.start == 0 and self.packed_rest.startswith(DICTIONARY_MAGIC)
        content_start, self.packed_rest = self.start + 8, b""
        self.file.seek(content_start)
        content = self.file.read(length) if is_dictionary else b""
        # reading the last byte shows whether the frame is complete: a seek behind the end of a file does not fail
        self.file.seek(content_start + length - 1)
        if not self.file.read(1):
            raise DamagedData("it ends in the middle of a skippable frame")
        if is_dictionary:
            if content.startswith(ZSTD_MAGIC):
                content = self.zstd.decompressobj().decompress(content)
            # frames that need no dictionary can be unpacked with one, too
            self.zstd = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(content))

    def _unpack_chunk(self) -> None:
        chunk, self.packed_rest = self.packed_rest or self.file.read(CHUNK_BYTES), b""
        if not chunk:
            raise EOFError("the last member is cut off")
        self.ready = memoryview(self.unpacker.decompress(chunk))
        # five bytes, the length of `WARC/`, by which the reader of records knows a head
        self.opening = self.opening or bytes(self.ready[:5])
        if self.unpacker.eof:
            # what lies behind the end of this member begins the next one
            self.packed_rest, self.unpacker = self.unpacker.unused_data, None
