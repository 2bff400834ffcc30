"""Sitemaps (sitemaps.org protocol 0.9): the pages that a site lists, and when each was last modified."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from lxml import etree
from pydantic import Field, field_validator

from tasks.block import Block

MAX_SITEMAP_BYTES, MAX_SITEMAP_URLS = 50 << 20, 50_000  # of one sitemap, by the protocol
GZIP_MAGIC = b"\x1f\x8b"


class Sitemaps(Block):
    """Which sitemaps are read before the crawl begins."""

    urls: list[str] = Field([])
    """sitemaps, or indexes of sitemaps, in XML, in plain text, gzipped or not"""
    of_robots: bool = True
    """also those that the robots.txt of the seeds' hosts names"""
    max_urls: int = Field(100_000, ge=1)
    """pages that are taken from the sitemaps of one site at most"""
    modified_since: str = ""
    """a date such as 2026-01-31: pages whose lastmod is earlier are left out; those without a lastmod stay"""

    @field_validator("modified_since")
    @classmethod
    def is_date(cls, value: str) -> str:
        """A wrong date is refused at once."""
        if value:
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value!r} is not a date such as 2026-01-31") from None
        return value

    def is_old(self, lastmod: datetime | None) -> bool:
        """Whether a page is left out for its date."""
        return bool(self.modified_since) and lastmod is not None and lastmod.date().isoformat() < self.modified_since


@dataclass
class Sitemap:
    """What one sitemap lists."""

    pages: dict[str, datetime | None] = field(default_factory=dict)  # URL → lastmod
    sitemaps: list[str] = field(default_factory=list)


class UnreadableSitemap(Exception):
    """Not a sitemap."""


def parse_sitemap(body: bytes) -> Sitemap:
    """Read a sitemap as it came. Raises Unreadable when it is none; what a broken one lists until it breaks counts."""
    text = unpack_sitemap(body) if body.startswith(GZIP_MAGIC) else body[:MAX_SITEMAP_BYTES]
    start = text[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<"):
        return parse_plain_sitemap(text)
    found = Sitemap()
    for kind, url, lastmod in iterate_entries(text):
        if kind == "sitemap":
            found.sitemaps.append(url)
        elif len(found.pages) < MAX_SITEMAP_URLS:
            found.pages.setdefault(url, parse_lastmod(lastmod))
    if not found.pages and not found.sitemaps:
        raise UnreadableSitemap("no <url> and no <sitemap> with a <loc>")
    return found


def unpack_sitemap(body: bytes) -> bytes:
    """A gzipped sitemap, as far as the protocol's limit: a bomb stops there."""
    try:
        return zlib.decompressobj(31).decompress(body, MAX_SITEMAP_BYTES)
    except zlib.error as error:
        raise UnreadableSitemap(f"not gzip ({error})") from error


def parse_plain_sitemap(text: bytes) -> Sitemap:
    """One URL a line."""
    lines = (line.strip() for line in text.decode("utf-8-sig", "replace").splitlines())
    urls = [line for line in lines if line.startswith(("http://", "https://"))]
    if not urls:
        raise UnreadableSitemap("neither XML nor a list of URLs")
    return Sitemap(dict.fromkeys(urls[:MAX_SITEMAP_URLS]))


def iterate_entries(text: bytes) -> Iterator[tuple[str, str, str]]:
    """Each `<url>` and `<sitemap>`, with its loc and lastmod. Entities are not resolved: no bomb, no file, no net."""
    try:
        parsed = etree.fromstring(text, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise UnreadableSitemap(f"not XML ({error})") from error
    for element in parsed.iter("{*}url", "{*}sitemap") if parsed is not None else ():
        loc, lastmod = ((element.findtext(f"{{*}}{name}") or "").strip() for name in ("loc", "lastmod"))
        if loc:
            yield etree.QName(element).localname, loc, lastmod


def parse_lastmod(text: str) -> datetime | None:
    """A date as W3C writes it (2026, 2026-01, 2026-01-31, 2026-01-31T12:00Z); None for anything else."""
    whole = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        found = datetime.fromisoformat(whole)
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
