"""Read WARC records (ISO 28500:2017) out of a file; whatever is no complete record is reported as RecordDamage.

Strict on purpose: a reader that silently looks for the next head loses pages without counting them.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tasks.crawl.inputs.packing import DamagedData, buffer_members, get_members, open_unpacked

# These two end the reading of a head in a file that is no archive, or is damaged.
MAX_LINE_BYTES = 1 << 16
MAX_HEADERS = 1000
CHUNK_BYTES = 1 << 20
PAGELESS_TYPES = ("warcinfo", "request", "metadata")  # types of records whose loss loses no page
VERSION_LINE = re.compile(rb"WARC/\d\.\d+\s*")
HEAD_START = b"WARC/"
# The head of the next record inside a block. Pages may show a WARC record, but hardly with its line ends.
INNER_HEAD = re.compile(rb"WARC/\d\.\d(\r\n(WARC|Content)-|\r?\n?\Z)")
# It may stand behind other bytes: a record that was cut off leaves no line end before the next head.
HEAD = re.compile(rb"WARC/\d\.\d+\s*\Z")


class WarcRecord(NamedTuple):
    """A record; `block` is None when it is longer than the caller takes."""

    headers: dict[str, str]  # names in lower case; bytes that are no UTF-8 as surrogates, so that none is lost
    block: bytes | None


class RecordDamage(NamedTuple):
    """A place without a complete record, and the reason; reading goes on behind it."""

    reason: str


def read_warc_records(file: BinaryIO, max_bytes: int) -> Iterator[WarcRecord | RecordDamage]:
    """Yield the records of a seekable file, packed or not. After damage it goes on with the next member or head."""
    reader = WarcReader(file)
    while True:
        try:
            record = reader.read_next(max_bytes)
        except DamagedData as error:
            reader.recover()
            yield RecordDamage(str(error))
        else:
            if record is None:
                return
            yield record


class WarcReader:
    """Reads records, and remembers where the last one starts: at the start of its member, if the file is packed."""

    def __init__(self, file: BinaryIO) -> None:
        self.stream = open_unpacked(file)
        self.members = get_members(self.stream)
        self.start = self.previous_start = -1
        self.is_searching = False  # for the next head, behind damage
        self.pending_head = b""  # the first line of the next record, read already

    def read_next(self, max_bytes: int) -> WarcRecord | None:
        """Return the next record; None at the end. Raises DamagedData."""
        self.previous_start = self.start
        line = self._read_head()
        if not line:
            return None
        if VERSION_LINE.fullmatch(line) is None:
            match = HEAD.search(line)
            self.pending_head = match[0] if match else b""
            raise DamagedData(f"{line[:60]!r} is not the head of a record")
        headers = self._read_headers()
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise DamagedData(f"a record has no length but {length[:60]!r}")
        if "warc-type" not in headers:
            raise DamagedData("a record has no type")
        # cut, since int() raises ValueError for a text of more than 4300 digits
        block = read_block(self.stream, int(length[:20]), max_bytes)
        end = self.stream.readline(MAX_LINE_BYTES)
        is_head = VERSION_LINE.fullmatch(end) is not None
        if end.strip(b"\r\n") and not is_head:
            if headers["warc-type"].lower() not in PAGELESS_TYPES:
                raise DamagedData("a record is longer than it says")
            self.recover()  # some crawlers miscount their own records, which loses no page
        elif has_inner_head(block) if is_head else self._reaches_into_next(block):
            raise DamagedData("a record is shorter than it says")
        elif is_head:  # some writers leave out the empty lines between two records
            self.pending_head = end
        return WarcRecord(headers, block)

    def recover(self) -> None:
        """Leave the current record and move on to the next one.

        Most archives have a member for each record: then the next member is intact, however wrong the length of the
        damaged one is. Otherwise reading goes on at the next line that looks like a head.
        """
        if self.pending_head:  # the next head stood on the line that was damaged
            return
        self.is_searching = True
        if self.members is None:
            # one byte further, or the search would find the head of the damaged record again
            self.stream.seek(self.start + 1)
        elif self.start != self.previous_start:  # else two records share the member, and its rest may hold more
            # its buffer may hold bytes of the damaged member, so it is given up with them
            self.stream.detach()
            self.members.skip_member(self.start)
            self.stream = buffer_members(self.members)

    def _reaches_into_next(self, block: bytes | None) -> bool:
        """Return whether a record was cut off, so that its length reaches into the next one.

        It shows only if the block ends, by chance, at the end of a line or just before a head: otherwise the record is
        longer than it says.
        """
        if self.members is not None and self.start != self.previous_start:
            # reading the block went on into another member, and that one begins with a head
            return self.members.start != self.start and self.members.opening == HEAD_START
        return has_inner_head(block)

    def _read_head(self) -> bytes:
        """Return the next line that is not empty; behind damage, the next one that ends as a head does."""
        line, self.pending_head = self.pending_head, b""
        while not line:
            line = self.stream.readline(MAX_LINE_BYTES)
            if not line:
                return b""
            if self.is_searching:
                match = HEAD.search(line)
                # behind damage a head may follow other bytes on its line
                line = match[0] if match else b""
            else:
                line = line if line.strip() else b""
        self.start = self.stream.tell() - len(line) if self.members is None else self.members.start
        self.is_searching = False
        return line

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        name = ""
        for _ in range(MAX_HEADERS):
            line = self.stream.readline(MAX_LINE_BYTES)
            if not line.endswith(b"\n"):
                raise DamagedData(
                    "it ends in the middle of a record" if len(line) < MAX_LINE_BYTES else "a line has no end"
                )
            if not line.strip():
                return headers
            text = line.decode("utf-8", "surrogateescape")
            if text[0] in " \t" and name:  # continues the line before (RFC 822)
                headers[name] += " " + text.strip()
                continue
            name, colon, value = text.partition(":")
            name, value = name.strip().lower(), value.strip()
            # Twice a type, or two lengths: the head of another record. A header that says the same again is harmless.
            is_second_head = name == "warc-type" or (name == "content-length" and headers.get(name) != value)
            if not colon or (name in headers and is_second_head):
                raise DamagedData("a record breaks off in its headers")
            # the first of equal names counts, as in warcio
            headers.setdefault(name, value)
        raise DamagedData("a record has no end of its headers")


def has_inner_head(block: bytes | None) -> bool:
    """Return whether the head of another record is within a block."""
    return block is not None and INNER_HEAD.search(block) is not None


def read_block(stream: BinaryIO, length: int, max_bytes: int) -> bytes | None:
    """Read a block of `length` bytes; read past it and return None when it is longer than `max_bytes`.

    Raises DamagedData when the stream ends before it.
    """
    if length <= max_bytes:
        block = stream.read(length)
        if len(block) < length:
            raise DamagedData("it ends in the middle of a record")
        return block
    while length > 0:
        chunk = stream.read(min(length, CHUNK_BYTES))
        if not chunk:
            raise DamagedData("it ends in the middle of a record")
        length -= len(chunk)
    return None
