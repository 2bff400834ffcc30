"""URLs: one spelling for each, and which of them belong to a crawl."""

import functools
import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit, urlunsplit

from w3lib.url import safe_url_string

from tasks.crawl.web.traps import Traps

DEFAULT_PORTS = {"http": 80, "https": 443}
SURROUNDING_SPACE = "".join(map(chr, range(33)))  # what browsers take away around a URL
HOST = re.compile(r"[0-9a-z._-]+|\[[0-9a-f:.]+\]")
ESCAPE = re.compile(r"(?<!%)(?<!%[0-9a-fA-F])%[0-9a-fA-F]{2}")  # one behind a bare % would become part of another
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3


def normalise_url(url: str, base: str = "", encoding: str = "utf-8") -> str | None:
    """The one spelling of an http(s) URL, without its fragment; None for anything that is not one.

    Host in lower case, default port away, dot segments resolved, an empty path is "/", unsafe characters escaped (in
    the query by the encoding of the page, as browsers do), escapes in capitals and only where needed (RFC 3986, 6.2.2).
    """
    try:
        return normalise_absolute_url(urljoin(base, url.strip(SURROUNDING_SPACE)), encoding)
    except ValueError:  # an unclosed bracket
        return None


@functools.lru_cache(1 << 16)  # the links of a site's menus come with each of its pages
def normalise_absolute_url(url: str, encoding: str) -> str | None:
    """The same for a URL that is whole."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
        if parts.scheme not in DEFAULT_PORTS or not host:
            return None
        host = f"[{host}]" if ":" in host else host.encode("idna").decode() if not host.isascii() else host
        if not HOST.fullmatch(host):
            return None
        netloc = host if port in (None, DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
        path = parts.path.replace("\\", "/")  # as browsers do
        path = urlsplit(urljoin("http://x/", path)).path if "/." in path else path
        whole = urlunsplit((parts.scheme, netloc, path or "/", parts.query, ""))
        return ESCAPE.sub(normalise_escape, safe_url_string(whole, encoding=encoding))
    except (ValueError, LookupError):  # an impossible port, a host that no DNS accepts, an encoding that is none
        return None


def normalise_escape(found: re.Match[str]) -> str:
    """`%7e` → `~`, `%2f` → `%2F`."""
    character = chr(int(found[0][1:], 16))
    return character if character in UNRESERVED else found[0].upper()


def get_host(url: str) -> str:
    """The host without its port: what delays and limits are counted by."""
    return urlsplit(url).hostname or ""


@dataclass
class Scope:
    """Which URLs belong to a crawl."""

    hosts: set[str]
    allow: list[str]
    deny: list[str]
    max_depth: int
    traps: Traps = field(default_factory=Traps)

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
        return self.traps.refuses(url) if depth else None
