"""The head of an HTTP/1 response: status line and headers, repaired by the rules in `http_parser.py`."""

import re

from aiohttp import HttpVersion
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import BadHttpMessage, BadStatusLine
from multidict import CIMultiDict, CIMultiDictProxy

STATUS_LINE = re.compile(rb"\s*HTTP(?:/(\d)(?:\.(\d))?)?(?:[ \t]+(\d{3})(?!\d)(.*))?", re.IGNORECASE | re.DOTALL)
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
Header = tuple[bytes, bytes]


def parse_status_line(line: bytes) -> tuple[HttpVersion, int, str]:
    """Return version, status and reason. Raises BadStatusLine."""
    match = STATUS_LINE.match(line)
    if match is None or (match[3] is None and re.match(rb"\d", line[match.end() :].lstrip())):
        raise BadStatusLine(line[:100].decode("latin-1"))
    status = int(match[3] or 200)
    if status < 100:
        raise BadStatusLine(line[:100].decode("latin-1"))
    version = HttpVersion(int(match[1] or 1), int(match[2] or 0))
    return version, status, (match[4] or b"").strip().decode("latin-1")


def parse_header_lines(lines: list[bytes]) -> list[Header]:
    """Return (name, value) pairs in their order; lines that are no header are left out."""
    headers: list[Header] = []
    can_continue = False
    for raw_line in lines:
        line = raw_line.replace(b"\0", b"")
        if line[:1] in (b" ", b"\t"):
            if can_continue and line.strip():
                name, value = headers[-1]
                headers[-1] = (name, value + b" " + line.strip(b" \t"))
            continue
        raw_name, colon, value = line.partition(b":")
        name = raw_name.rstrip(b" \t")
        can_continue = bool(colon) and TOKEN.fullmatch(name) is not None
        if can_continue:
            headers.append((name, value.strip(b" \t")))
    return headers


def list_values(headers: list[Header], name: bytes) -> list[bytes]:
    """Return the values of a header, separated where they are lists."""
    return [part.strip().lower() for key, value in headers if key.lower() == name for part in value.split(b",")]


def find_content_length(headers: list[Header]) -> int | None:
    """Return the announced length of a body, None when there is none. Raises BadHttpMessage for different ones."""
    lengths = {int(value) for value in list_values(headers, b"content-length") if value.isdigit()}
    if len(lengths) > 1:
        raise BadHttpMessage("several different values of Content-Length")
    return lengths.pop() if lengths else None


def clean_length(headers: list[Header]) -> list[Header]:
    """Leave out each Content-Length that says nothing, since Scrapy reads them; raises as `find_content_length`."""
    length = None if b"chunked" in list_values(headers, b"transfer-encoding") else find_content_length(headers)
    names = [name for name, _ in headers if name.lower() == b"content-length"]
    if not names or [value for name, value in headers if name in names] == [str(length).encode()]:
        return headers
    others = [(name, value) for name, value in headers if name not in names]
    return others if length is None else [*others, (names[0], str(length).encode())]


def build_message(version: HttpVersion, status: int, reason: str, headers: list[Header]) -> RawResponseMessage:
    """Return the head of a response as aiohttp keeps it."""
    is_chunked = b"chunked" in list_values(headers, b"transfer-encoding")
    connection = list_values(headers, b"connection")
    has_length = is_chunked or find_content_length(headers) is not None or status in (204, 304) or status < 200
    keeps_alive = b"keep-alive" in connection if version < HttpVersion(1, 1) else b"close" not in connection
    # aiohttp reads text; Latin-1 keeps every byte, and the bytes themselves go on in `raw_headers`
    fields = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    return RawResponseMessage(
        version,
        status,
        reason,
        CIMultiDictProxy(fields),
        tuple(headers),
        should_close=not (keeps_alive and has_length),
        compression=None,
        upgrade=False,
        chunked=is_chunked,
    )
