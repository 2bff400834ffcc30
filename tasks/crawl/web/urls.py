"""Normalise URLs to one spelling, and decide which of them belong to a crawl."""

import functools
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import idna
from w3lib.url import safe_url_string

from tasks.crawl.web.special_addresses import parse_ipv4
from tasks.crawl.web.traps import Traps

DEFAULT_PORTS = {"http": 80, "https": 443}
SURROUNDING_SPACE = "".join(map(chr, range(33)))  # control characters and blanks, which browsers strip from a URL
MAX_LABEL = 63  # RFC 1035, 2.3.4
HOST = re.compile(r"[0-9a-z._-]+|\[[0-9a-f:.]+\]")
# An escape, but not one behind a bare % or %X: what it is replaced by could complete another escape there.
ESCAPE = re.compile(r"(?<!%)(?<!%[0-9a-fA-F])%[0-9a-fA-F]{2}")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3


def normalise_url(url: str, base: str = "", encoding: str = "utf-8") -> str | None:
    """Return the one spelling of an http(s) URL, without its fragment; None for anything else.

    The host is in lower case, a default port is removed, dot segments are resolved, and an empty path is "/". Unsafe
    characters are escaped (in the query by the encoding of the page, as browsers do), in capitals and only where needed
    (RFC 3986, 6.2.2).
    """
    return normalise_absolute_url(join_url(base, url), encoding)


def join_url(base: str, url: str) -> str:
    """Resolve a URL against that of its page; empty for what is none, such as an unclosed or a wrong bracket."""
    try:
        path, question, query = url.strip(SURROUNDING_SPACE).partition("?")
        # as browsers do: else http://a.org\\@b.org would lead elsewhere than there
        return urljoin(base, path.replace("\\", "/") + question + query)
    except ValueError:
        return ""


@functools.lru_cache(1 << 16)  # the links of a site's menus stand on each of its pages
def normalise_absolute_url(url: str, encoding: str) -> str | None:
    """Normalise a URL that has a scheme and a host: see `normalise_url`."""
    try:
        parts = urlsplit(url)
        # in DNS `example.org.` is the same name; urlsplit has put the host into lower case
        port, host = parts.port, (parts.hostname or "").rstrip(".")
        if parts.scheme not in DEFAULT_PORTS or not host:
            return None
        host = f"[{host}]" if ":" in host else encode_host(host)
        if not HOST.fullmatch(host):
            return None
        netloc = host if port in (None, DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
        path = parts.path.replace("\\", "/")  # as browsers do
        # urljoin resolves dot segments, also those that would lead above the root
        path = urlsplit(urljoin("http://x/", path)).path if "/." in path else path
        complete = urlunsplit((parts.scheme, netloc, path or "/", parts.query, ""))
        return ESCAPE.sub(normalise_escape, safe_url_string(complete, encoding=encoding))
    except (ValueError, LookupError):  # an impossible port, a host that no DNS accepts, an encoding that is none
        return None


def encode_host(host: str) -> str:
    """Return a host in ASCII, as browsers look it up: by UTS 46, non-transitional, so `faß.de` → `xn--fa-hia.de`.

    An IPv4 address in another spelling, such as `0x7f.1`, becomes four numbers. Raises ValueError for a name that no
    DNS has.
    """
    if "%" in host:  # browsers decode escapes in a host
        host = unquote(host, errors="strict")
    name = host.lower().rstrip(".") if host.isascii() else encode_name(host)
    address = parse_ipv4(name)
    return name if address is None else str(address)


def encode_name(host: str) -> str:
    """Return a name with characters beyond ASCII in ASCII. Raises ValueError for a name that no DNS has."""
    labels = idna.uts46_remap(host, std3_rules=False, transitional=False).rstrip(".").split(".")
    # not idna.encode: browsers look up names that registries would refuse too, such as ☃.net and _x.bücher.de
    encoded = [label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels]
    if max(map(len, encoded)) > MAX_LABEL:
        raise ValueError(f"{host} has a label of more than {MAX_LABEL} characters")
    return ".".join(encoded)


def normalise_escape(match: re.Match[str]) -> str:
    """Return the one spelling of an escape: `%7e` → `~`, `%2f` → `%2F`."""
    character = chr(int(match[0][1:], 16))
    return character if character in UNRESERVED else match[0].upper()


def get_host(url: str) -> str:
    """Return the host of a URL without its port: delays and limits hold for each host."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass
class Scope:
    """The rules by which URLs belong to a crawl."""

    hosts: set[str]
    allow: list[str]
    deny: list[str]
    max_depth: int
    traps: Traps = field(default_factory=Traps)

    @functools.cached_property
    def patterns(self) -> tuple[list[re.Pattern[str]], list[re.Pattern[str]]]:
        return [re.compile(pattern) for pattern in self.allow], [re.compile(pattern) for pattern in self.deny]

    def find_refusal(self, url: str, depth: int) -> str | None:
        """Return the reason why a URL is left out, or None when it belongs to the crawl.

        Seeds (depth 0) need not match `allow`, and are never taken for traps.
        """
        allow, deny = self.patterns
        parts = urlsplit(url)
        # a host may be named with its port or without
        if not {parts.hostname, parts.netloc} & self.hosts:
            return "other host"
        if depth > self.max_depth:
            return "too deep"
        if any(pattern.search(url) for pattern in deny):
            return "denied"
        if depth and allow and not any(pattern.search(url) for pattern in allow):
            return "not allowed"
        return self.traps.find_trap(url) if depth else None
