"""HTTP for files behind a URL: a redirect does not lead from the server that a user named into a private network."""

import functools
import socket
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from tasks.crawl.web.addresses import PrivateAddress, parse_address
from tasks.crawl.web.special_addresses import is_public
from tasks.crawl.web.urls import DEFAULT_PORTS


@functools.cache  # equal arguments give the same function, and so fsspec the same file system
def make_client_factory(origin: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return what fsspec opens its HTTP sessions with: they reach public addresses, and those of `origin`.

    `origin` is a URL that a user named: its host may be private. Connections are checked where the socket is made, so
    neither a redirect nor a DNS answer leads elsewhere.
    """

    async def open_session(**options: Any) -> Any:
        import aiohttp  # noqa: PLC0415 - it is slow to import, and local files need none of it

        named = [origin, *(getproxies().values() if options.get("trust_env") else ())]
        connector = aiohttp.TCPConnector(socket_factory=functools.partial(open_permitted_socket, tuple(named)))
        return aiohttp.ClientSession(connector=connector, **options)

    return open_session


def open_permitted_socket(named_urls: tuple[str, ...], target: tuple[Any, ...]) -> socket.socket:
    """Open a socket for (family, type, protocol, name, address), as `getaddrinfo` returns them. Raises PrivateAddress.

    The address is public, or the one of a URL that was named.
    """
    family, kind, protocol, _, address = target
    parsed = parse_address(address[0])
    is_named = any((address[0], address[1]) in resolve_origin(url) for url in named_urls)
    if (parsed is None or not is_public(parsed)) and not is_named:
        raise PrivateAddress(f"{address[0]} is not a public address")
    return socket.socket(family, kind, protocol)


@functools.lru_cache(64)
def resolve_origin(url: str) -> frozenset[tuple[str, int]]:
    """Return the addresses and ports of a URL's host; none when it has none. Raises OSError."""
    parts = urlsplit(url)
    if not parts.hostname:
        return frozenset()
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 80)
    return frozenset((str(info[4][0]), port) for info in socket.getaddrinfo(parts.hostname, port))


def find_refusal(error: BaseException) -> PrivateAddress | None:
    """Return the refusal that an error of fsspec or aiohttp was caused by."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PrivateAddress):
        cause = cause.__cause__ or cause.__context__
    return cause
