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
CHUNK_BYTES = 4096
# Packed bytes that are unpacked in one step. Four bytes of zstd can stand for 128 KiB, so a bomb grows to 32 MiB here.
STEP_BYTES = 1024
# What a zstd frame may have a decoder keep in memory: that of `zstd --long`, the most that zstd unpacks unasked.
MAX_WINDOW_BYTES = 1 << 27
# Of an unpacked dictionary. Trained ones have 100 KiB to 1 MiB.
MAX_DICTIONARY_BYTES = 32 << 20
# A member that unpacks to more than MIN_BOMB_BYTES, and to so many times its size, is a bomb. Gzip reaches 1032 times.
MIN_BOMB_BYTES, MAX_RATIO = 1 << 30, 1000


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
        self.zstd = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        self.num_packed = self.num_unpacked = 0  # bytes of this member
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
        # no unpacker at the end of the file, where a second read would take it for a member that was cut off
        if not self.packed_rest:
            return False
        # 31: a window of 2^15 bytes, plus 16 for the gzip format
        self.unpacker = zlib.decompressobj(31) if self.magic == GZIP_MAGIC else self.zstd.decompressobj()
        self.opening = b""
        self.num_packed = self.num_unpacked = 0
        return True

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
        content = self.file.read(min(length, MAX_DICTIONARY_BYTES + 1)) if is_dictionary else b""
        # reading the last byte shows whether the frame is complete: a seek behind the end of a file does not fail
        self.file.seek(content_start + length - 1)
        if length and not self.file.read(1):
            raise DamagedData("it ends in the middle of a skippable frame")
        if is_dictionary:
            self._load_dictionary(content)

    def _load_dictionary(self, content: bytes) -> None:
        if content.startswith(ZSTD_MAGIC):
            packed = io.BytesIO(content)
            decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
            content = decompressor.stream_reader(packed).read(MAX_DICTIONARY_BYTES + 1)
        # reading goes on behind it: frames that need it cannot be unpacked, but others can
        if len(content) > MAX_DICTIONARY_BYTES:
            raise DamagedData(f"its dictionary has more than {MAX_DICTIONARY_BYTES:,} bytes")
        # frames that need no dictionary can be unpacked with one, too
        self.zstd = zstandard.ZstdDecompressor(
            dict_data=zstandard.ZstdCompressionDict(content), max_window_size=MAX_WINDOW_BYTES
        )

    def _unpack_chunk(self) -> None:
        packed = self.packed_rest or self.file.read(CHUNK_BYTES)
        chunk, self.packed_rest = packed[:STEP_BYTES], packed[STEP_BYTES:]
        if not chunk:
            raise EOFError("the last member is cut off")
        self.ready = memoryview(self.unpacker.decompress(chunk))
        self.num_packed += len(chunk)
        self.num_unpacked += len(self.ready)
        if self.num_unpacked > MIN_BOMB_BYTES and self.num_unpacked > MAX_RATIO * self.num_packed:
            self.skip_member(self.start)
            raise DamagedData(f"a packed member holds more than {MIN_BOMB_BYTES:,} bytes, {MAX_RATIO:,} times its size")
        # five bytes, the length of `WARC/`, by which the reader of records knows a head
        self.opening = self.opening or bytes(self.ready[:5])
        if self.unpacker.eof:
            # what lies behind the end of this member begins the next one
            self.packed_rest, self.unpacker = self.unpacker.unused_data + self.packed_rest, None
