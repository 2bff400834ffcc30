"""URLs: one spelling for each, which of them belong to a crawl, and those a page links to."""

import functools
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

from parsel import Selector
from w3lib.url import safe_url_string

PORTS = {"http": 80, "https": 443}
LONGEST = 2083  # what browsers accept; longer ones are traps more often than pages
NOT_FOLLOWED = (
    "//a[@href][not(contains(concat(' ', normalize-space(@rel), ' '), ' nofollow '))]/@href"
    " | //area/@href | //frame/@src | //iframe/@src | //link[@rel='next' or @rel='prev']/@href"
)


def normalised(url: str, base: str = "") -> str | None:
    """The one spelling of an http(s) URL, without its fragment; None for anything that is not one.

    Host in lower case, default port away, dot segments resolved, an empty path is "/", unsafe characters escaped.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()))
        port, host = parts.port, parts.hostname
        if parts.scheme not in PORTS or not host:
            return None
        host = f"[{host}]" if ":" in host else host.encode("idna").decode() if not host.isascii() else host
        netloc = host if port in (None, PORTS[parts.scheme]) else f"{host}:{port}"
        path = urlsplit(urljoin("http://x/", parts.path or "/")).path if "/." in parts.path else parts.path
        spelled: str = safe_url_string(urlunsplit((parts.scheme, netloc, path or "/", parts.query, "")))
    except ValueError:  # an impossible port, an unclosed bracket, a host that no DNS accepts
        return None
    return spelled if len(spelled) <= LONGEST else None


def links(html: str, base: str) -> list[str]:
    """The URLs a page links to, each once, in their order. `rel=nofollow` is not followed, `<base href>` counts."""
    if "<" not in html:
        return []
    page = Selector(html, type="html")
    base = urljoin(base, page.xpath("string(//base/@href)").get(default="").strip())
    found = (normalised(link, base) for link in page.xpath(NOT_FOLLOWED).getall())
    return list(dict.fromkeys(link for link in found if link is not None))


def host_of(url: str) -> str:
    """The host without its port: what delays and limits are counted by."""
    return urlsplit(url).hostname or ""


@dataclass
class Scope:
    """Which URLs belong to a crawl."""

    hosts: set[str]
    allow: list[str]
    deny: list[str]
    max_depth: int

    @functools.cached_property
    def patterns(self) -> tuple[list[re.Pattern[str]], list[re.Pattern[str]]]:
        return [re.compile(each) for each in self.allow], [re.compile(each) for each in self.deny]

    def refuses(self, url: str, depth: int) -> str | None:
        """Why the URL is left out, or None when it belongs to the crawl. Seeds pass whatever `allow` says."""
        allow, deny = self.patterns
        parts = urlsplit(url)
        if not {parts.hostname, parts.netloc} & self.hosts:
            return "other host"
        if depth > self.max_depth:
            return "too deep"
        if any(each.search(url) for each in deny):
            return "denied"
        if depth and allow and not any(each.search(url) for each in allow):
            return "not allowed"
        return None
