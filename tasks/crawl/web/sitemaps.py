"""Parse sitemaps (sitemaps.org protocol 0.9): the pages that a site lists, and when each was last modified."""

import codecs
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from lxml import etree
from pydantic import Field, field_validator
from resiliparse.parse.encoding import map_encoding_to_html5

from tasks.block import Block

MAX_SITEMAP_BYTES, MAX_SITEMAP_URLS = 50 << 20, 50_000  # of one sitemap, by the protocol
GZIP_MAGIC = b"\x1f\x8b"
UNPACK_STEP = 64 << 10
# `&copy=1` is no entity, and one of HTML such as `&nbsp;` is none in XML
BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});)")
CDATA = re.compile(rb"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
DECLARED_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""")
MAX_BROKEN_CHARACTERS = 2
XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


class Sitemaps(Block):
    """Sitemaps that are read before the crawl starts."""

    urls: list[str] = Field([])
    """URLs of sitemaps or of indexes of sitemaps, in XML or plain text, gzipped or not"""
    from_robots: bool = True
    """read also the sitemaps that the robots.txt of the seeds' hosts names"""
    max_urls: int = Field(100_000, ge=1)
    """maximum number of pages from the sitemaps of one site"""
    modified_since: str = ""
    """a date such as 2026-01-31: pages whose lastmod is earlier are left out; those without a lastmod are kept"""

    @field_validator("modified_since")
    @classmethod
    def check_date(cls, value: str) -> str:
        """Refuse an invalid date when the settings are read."""
        if value:
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value!r} is not a date such as 2026-01-31") from None
        return value

    def is_old(self, lastmod: datetime | None) -> bool:
        """Return whether a page is left out because of its date."""
        return bool(self.modified_since) and lastmod is not None and lastmod.date().isoformat() < self.modified_since


@dataclass
class Sitemap:
    """The pages and further sitemaps that one sitemap lists."""

    pages: dict[str, datetime | None] = field(default_factory=dict)  # URL → lastmod
    sitemaps: list[str] = field(default_factory=list)


class UnreadableSitemap(Exception):
    """A file is no sitemap."""


def parse_sitemap(body: bytes) -> Sitemap:
    """Parse the bytes of a sitemap. A broken one gives what it lists until it breaks.

    Raises UnreadableSitemap when it is none.
    """
    text = unpack_sitemap(body) if body.startswith(GZIP_MAGIC) else body[:MAX_SITEMAP_BYTES]
    start = text[:200].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if not start.startswith(b"<"):
        return parse_plain_sitemap(text)
    sitemap = Sitemap()
    for kind, url, lastmod in iterate_entries(text):
        if kind == "sitemap":
            sitemap.sitemaps.append(url)
        elif len(sitemap.pages) < MAX_SITEMAP_URLS:
            sitemap.pages.setdefault(url, parse_lastmod(lastmod))
    if not sitemap.pages and not sitemap.sitemaps:
        raise UnreadableSitemap("no <url> and no <sitemap> with a <loc>")
    return sitemap


def unpack_sitemap(body: bytes) -> bytes:
    """Unpack a gzipped sitemap, all its members, up to the protocol's limit: a bomb stops there.

    One that is cut off or broken gives what comes before. Raises UnreadableSitemap when that is nothing.
    """
    parts: list[bytes] = []
    room = MAX_SITEMAP_BYTES
    while body.startswith(GZIP_MAGIC) and room > 0:
        member = zlib.decompressobj(31)
        try:
            # in steps: an error in the middle of a member loses one step, not all that came before
            for start in range(0, len(body), UNPACK_STEP):
                parts.append(member.decompress(member.unconsumed_tail + body[start : start + UNPACK_STEP], room))
                room -= len(parts[-1])
                if member.eof or room <= 0:
                    break
        except zlib.error:
            break
        # zeros may fill the space between members
        body = (member.unused_data + body[start + UNPACK_STEP :]).lstrip(b"\0") if member.eof else b""
    if not (text := b"".join(parts)):
        raise UnreadableSitemap("not gzip")
    return text


def parse_plain_sitemap(text: bytes) -> Sitemap:
    """Parse a sitemap in plain text: one URL a line."""
    lines = (line.strip() for line in decode_sitemap(text).splitlines())
    urls = [line for line in lines if line.startswith(("http://", "https://"))]
    if not urls:
        raise UnreadableSitemap("neither XML nor a list of URLs")
    return Sitemap(dict.fromkeys(urls[:MAX_SITEMAP_URLS]))


def repair_xml(text: bytes) -> bytes:
    """Return XML in UTF-8 that a parser accepts: without a wrong declaration, and with `&` escaped where it is bare."""
    decoded = decode_sitemap(text)
    # the declaration may name another encoding than this one
    encoded = XML_DECLARATION.sub("", decoded).strip().encode("utf-8", "replace")
    if b"<!ENTITY" in encoded:  # entities of its own, which are not resolved: its ampersands are none
        return encoded
    # every second part is a CDATA section, where & stands for itself
    parts = CDATA.split(encoded)
    parts[::2] = [BARE_AMPERSAND.sub(b"&amp;", part) for part in parts[::2]]
    return b"".join(parts)


def decode_sitemap(text: bytes) -> str:
    """Decode a sitemap: by its byte order mark, as UTF-8 where the bytes are, else as declared, else as Latin-1."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if text.startswith(mark):
            return text.decode(encoding, "replace").removeprefix("\ufeff")
    for mark, encoding in ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if text.startswith(mark):
            return text.decode(encoding, "replace")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = DECLARED_ENCODING.search(text[:200])
    name = map_encoding_to_html5(declared[1].decode(), fallback_utf8=False) if declared else None
    # one bad character, or a file that was cut within one, is no other encoding
    is_utf8 = text.decode("utf-8", "replace").count("\ufffd") <= MAX_BROKEN_CHARACTERS
    return text.decode("utf-8" if is_utf8 else name or "latin-1", "replace")


def iterate_entries(text: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield each `<url>` and `<sitemap>` as (tag, loc, lastmod). Raises UnreadableSitemap."""
    # entities are not resolved: they could be a bomb, a file of this machine or a request
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, encoding="utf-8")
    try:
        parsed = etree.fromstring(repair_xml(text), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableSitemap(f"not XML ({error})") from error
    # by their local names in lower case: namespaces are missing, misspelt or bound to prefixes that nothing declares
    for element in parsed.iter() if parsed is not None else ():
        if (kind := get_local_name(element)) in ("url", "sitemap"):
            # the first of each name counts
            fields = {get_local_name(child): read_text(child) for child in reversed(element)}
            if loc := fields.get("loc"):
                yield kind, loc, fields.get("lastmod", "")


def read_text(element: Any) -> str:
    """Return the text of an element; empty when an entity of the file's own stands in it."""
    if any(node.tag is etree.Entity for node in element.iter()):
        return ""
    return "".join(element.itertext()).strip()


def get_local_name(element: Any) -> str:
    """Return the name of an element in lower case without its namespace; empty for comments and instructions."""
    return element.tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(element.tag, str) else ""


def parse_lastmod(text: str) -> datetime | None:
    """Parse a date as W3C writes it (2026, 2026-01, 2026-01-31, 2026-01-31T12:00Z); None for anything else."""
    # a year, or a year and month, is completed to its first day
    complete = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        date_time = datetime.fromisoformat(complete)
    except ValueError:
        return None
    return date_time.replace(tzinfo=date_time.tzinfo or UTC).astimezone(UTC)
