"""Parse sitemaps (sitemaps.org protocol 0.9): the pages that a site lists, and when each was last modified."""

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
    start = text[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
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
    """Unpack a gzipped sitemap up to the protocol's limit: a bomb stops there."""
    try:
        return zlib.decompressobj(31).decompress(body, MAX_SITEMAP_BYTES)
    except zlib.error as error:
        raise UnreadableSitemap(f"not gzip ({error})") from error


def parse_plain_sitemap(text: bytes) -> Sitemap:
    """Parse a sitemap in plain text: one URL a line."""
    lines = (line.strip() for line in text.decode("utf-8-sig", "replace").splitlines())
    urls = [line for line in lines if line.startswith(("http://", "https://"))]
    if not urls:
        raise UnreadableSitemap("neither XML nor a list of URLs")
    return Sitemap(dict.fromkeys(urls[:MAX_SITEMAP_URLS]))


def iterate_entries(text: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield each `<url>` and `<sitemap>` as (tag, loc, lastmod). Raises UnreadableSitemap."""
    try:
        # entities are not resolved: they could be a bomb, a file of this machine or a request
        parsed = etree.fromstring(text, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise UnreadableSitemap(f"not XML ({error})") from error
    for element in parsed.iter("{*}url", "{*}sitemap") if parsed is not None else ():
        loc, lastmod = ((element.findtext(f"{{*}}{name}") or "").strip() for name in ("loc", "lastmod"))
        if loc:
            yield etree.QName(element).localname, loc, lastmod


def parse_lastmod(text: str) -> datetime | None:
    """Parse a date as W3C writes it (2026, 2026-01, 2026-01-31, 2026-01-31T12:00Z); None for anything else."""
    # a year, or a year and month, is completed to its first day
    complete = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        date_time = datetime.fromisoformat(complete)
    except ValueError:
        return None
    return date_time.replace(tzinfo=date_time.tzinfo or UTC).astimezone(UTC)
