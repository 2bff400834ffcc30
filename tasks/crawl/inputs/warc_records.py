"""WARC records (ISO 28500:2017) out of a file, one by one; whatever is no whole record is handed out as Damage.

Strict on purpose: a reader that looks for the next head in silence loses pages that nobody counts.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tasks.crawl.inputs.packing import DamagedData, buffer_members, get_members, open_unpacked

MAX_LINE_BYTES = 1 << 16
MAX_HEADERS = 1000
CHUNK_BYTES = 1 << 20
PAGELESS_TYPES = ("warcinfo", "request", "metadata")  # types of records whose loss is no loss
VERSION_LINE = re.compile(rb"WARC/\d\.\d+\s*")
UNIQUE_HEADERS = ("warc-type", "content-length")
HEAD_START = b"WARC/"
# Pages may show a record, but hardly with the line ends of one.
INNER_HEAD = re.compile(rb"WARC/\d\.\d(\r\n(WARC|Content)-|\r?\n?\Z)")
HEAD = re.compile(rb"WARC/\d\.\d+\s*\Z")  # a record that was cut off leaves no line end before it


class WarcRecord(NamedTuple):
    """One record. `block` is None when it is longer than the caller takes."""

    headers: dict[str, str]  # names in lower case
    block: bytes | None


class RecordDamage(NamedTuple):
    """Where no whole record is, and why. Reading goes on behind it."""

    what: str


def read_warc_records(file: BinaryIO, most_bytes: int) -> Iterator[WarcRecord | RecordDamage]:
    """The records of a seekable file, packed or not. After damage it goes on with the next member or the next head."""
    reader = WarcReader(file)
    while True:
        try:
            record = reader.next(most_bytes)
        except DamagedData as error:
            reader.recover()
            yield RecordDamage(str(error))
        else:
            if record is None:
                return
            yield record


class WarcReader:
    """Reads records, and knows where the last one began: where its member does, if the file is packed."""

    def __init__(self, file: BinaryIO) -> None:
        self.stream = open_unpacked(file)
        self.members = get_members(self.stream)
        self.start = self.before = -1
        self.searching = False  # for the next head, behind damage
        self.head = b""  # the first line of the next record, read already

    def next(self, most_bytes: int) -> WarcRecord | None:
        """The next record; None at the end. Raises Damaged."""
        self.before = self.start
        line = self._first_line()
        if not line:
            return None
        if VERSION_LINE.fullmatch(line) is None:
            found = HEAD.search(line)
            self.head = found[0] if found else b""
            raise DamagedData(f"{line[:60]!r} is not the head of a record")
        headers = self._headers()
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise DamagedData(f"a record has no length but {length[:60]!r}")
        if "warc-type" not in headers:
            raise DamagedData("a record has no type")
        block = read_block(self.stream, int(length[:20]), most_bytes)
        end = self.stream.readline(MAX_LINE_BYTES)
        if VERSION_LINE.fullmatch(end):  # the empty lines between two records are forgotten now and then
            self.head = end
        elif end.strip(b"\r\n"):
            if headers["warc-type"].lower() not in PAGELESS_TYPES:
                raise DamagedData("a record is longer than it says")
            self.recover()  # some crawlers miscount what they say of themselves, and nothing is lost by it
        elif self._runs_on(block):
            raise DamagedData("a record is shorter than it says")
        return WarcRecord(headers, block)

    def recover(self) -> None:
        """Leave the record that was begun.

        Most archives have a member for each record: then what comes next is whole, however the damaged one lies about
        its length. Else the next line that looks like a head is where it goes on.
        """
        if self.head:  # it came behind something else on its line
            return
        self.searching = True
        if self.members is None:
            self.stream.seek(self.start + 1)
        elif self.start != self.before:
            self.stream.detach()
            self.members.go_past(self.start)
            self.stream = buffer_members(self.members)

    def _runs_on(self, block: bytes | None) -> bool:
        """Whether a record was cut off, and its length reaches into the next one and, by chance, to a line's end."""
        if self.members is not None and self.start != self.before:
            return self.members.start != self.start and self.members.opening == HEAD_START
        return block is not None and INNER_HEAD.search(block) is not None

    def _first_line(self) -> bytes:
        """The next line that is not empty; behind damage the next that ends as a head does."""
        line, self.head = self.head, b""
        while not line:
            line = self.stream.readline(MAX_LINE_BYTES)
            if not line:
                return b""
            if self.searching:
                found = HEAD.search(line)
                line = found[0] if found else b""
            else:
                line = line if line.strip() else b""
        self.start = self.stream.tell() - len(line) if self.members is None else self.members.start
        self.searching = False
        return line

    def _headers(self) -> dict[str, str]:
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
            if line[:1] in b" \t" and name:  # goes on from the line before (RFC 822)
                headers[name] += " " + line.decode("utf-8", "replace").strip()
                continue
            name, colon, value = line.decode("utf-8", "replace").partition(":")
            name = name.strip().lower()
            if not colon or (name in UNIQUE_HEADERS and name in headers):  # the head of another record
                raise DamagedData("a record breaks off in its headers")
            headers[name] = value.strip()
        raise DamagedData("a record has no end of its headers")


def read_block(stream: BinaryIO, length: int, most_bytes: int) -> bytes | None:
    """So many bytes; read past, and None, when there are more than the caller takes. Raises Damaged at an early end."""
    if length <= most_bytes:
        block = stream.read(length)
        if len(block) < length:
            raise DamagedData("it ends in the middle of a record")
        return block
    while length > 0:
        piece = stream.read(min(length, CHUNK_BYTES))
        if not piece:
            raise DamagedData("it ends in the middle of a record")
        length -= len(piece)
    return None
