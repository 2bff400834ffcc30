"""Permitted addresses: a crawl connects to public ones, and to ports of this machine that a seed names."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from tasks.crawl.web.special_addresses import IpAddress, is_public, parse_ipv4, resolve_embedded

LOCALHOST = "localhost"


class PrivateAddress(OSError):
    """A connection to an address that is not public was refused."""


class MissingContact(OSError):
    """A connection to another machine was refused, since the user agent names no contact."""


def parse_address(host: str) -> IpAddress | None:
    """Return the IP address that a host is written as; None for a name."""
    try:
        if ":" not in host:
            return parse_ipv4(host)
        # a zone, as in fe80::1%eth0, is no part of the address
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether a host, as it is written, is this machine."""
    address = parse_address(host)
    if address is not None:
        return resolve_embedded(address).is_loopback
    return host == LOCALHOST or host.endswith(f".{LOCALHOST}")


def is_private(host: str) -> bool:
    """Return whether a host is written as an address that is neither public nor this machine."""
    address = parse_address(host)
    return address is not None and not is_public(address) and not resolve_embedded(address).is_loopback


def get_port(url: str) -> int:
    """Return the port that a URL leads to."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def list_loopback_targets(seeds: list[str]) -> set[tuple[str, int]]:
    """Return the addresses and ports of this machine that seeds name; the name `localhost` stands for both families."""
    targets: set[tuple[str, int]] = set()
    for seed in seeds:
        host = urlsplit(seed).hostname or ""
        if is_loopback(host):
            address = parse_address(host)
            hosts = ["127.0.0.1", "::1"] if address is None else [str(resolve_embedded(address))]
            targets |= {(name, get_port(seed)) for name in hosts}
    return targets


class AddressGate:
    """Opens sockets to permitted addresses only.

    It sees the address that is about to be connected to, whatever URL, redirect or DNS answer led there: so a name that
    resolves to another address from one moment to the next (DNS rebinding) does not get through either. Of this machine
    only `loopback_targets` are open, see `list_loopback_targets`. With `allow_private` everything is.
    """

    def __init__(
        self, *, allow_private: bool, loopback_targets: Collection[tuple[str, int]], has_contact: bool
    ) -> None:
        self.allow_private, self.loopback_targets, self.has_contact = allow_private, loopback_targets, has_contact

    def check(self, host: str, port: int) -> None:
        """Raise PrivateAddress or MissingContact for a host that must not be reached; names are not resolved here."""
        # `localhost` is a name, which parse_address does not know: it is judged as the addresses that it stands for
        address = parse_address(host)
        names = {str(resolve_embedded(address))} if address else {"127.0.0.1", "::1"}
        if is_loopback(host) and (self.allow_private or any((name, port) in self.loopback_targets for name in names)):
            return
        if is_loopback(host) and self.loopback_targets:
            raise PrivateAddress("a port of this machine that no seed names")
        if not self.has_contact:
            raise MissingContact("the user agent names no contact")
        is_permitted = not is_loopback(host) and (address is None or is_public(address))
        if not is_permitted and not self.allow_private:
            raise PrivateAddress("not a public address")

    def __call__(self, target: tuple[Any, ...]) -> socket.socket:
        """Open a socket for (family, type, protocol, name, address), as `getaddrinfo` returns them."""
        family, kind, protocol, _, address = target
        self.check(address[0], address[1])
        return socket.socket(family, kind, protocol)
