"""Permitted addresses: a crawl connects to public ones, and to this machine's own when a seed names it."""

import ipaddress
import socket
from typing import Any

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052, 2.1: the last 32 bits are an IPv4 address
LOCALHOST = "localhost"


class PrivateAddress(OSError):
    """A connection to an address that is not public was refused."""


class MissingContact(OSError):
    """A connection to another machine was refused, since the user agent names no contact."""


def parse_address(host: str) -> IpAddress | None:
    """Return the IP address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def resolve_embedded(address: IpAddress) -> IpAddress:
    """Return the address that a connection reaches: some IPv6 addresses embed an IPv4 one.

    IPv4-mapped (RFC 4291), 6to4 (RFC 3056) and NAT64 (RFC 6052) addresses would otherwise pass as public.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_public(address: IpAddress) -> bool:
    """Return whether an address is on the internet: neither private, link-local, loopback, reserved nor multicast."""
    reached = resolve_embedded(address)
    return reached.is_global and not reached.is_multicast


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


class AddressGate:
    """Opens sockets to permitted addresses only.

    It sees the address that is about to be connected to, whatever URL, redirect or DNS answer led there: so a name that
    resolves to another address from one moment to the next (DNS rebinding) does not get through either.
    """

    def __init__(self, *, allow_private: bool, allow_loopback: bool, has_contact: bool) -> None:
        self.allow_private, self.allow_loopback, self.has_contact = allow_private, allow_loopback, has_contact

    def check(self, host: str) -> None:
        """Raise PrivateAddress or MissingContact for a host that must not be reached; names are not resolved here."""
        if self.allow_loopback and is_loopback(host):
            return
        if not self.has_contact:
            raise MissingContact("the user agent names no contact")
        # `localhost` is a name, which parse_address does not know: it is judged as the address that it stands for
        address = parse_address("127.0.0.1" if is_loopback(host) else host)
        if address is not None and not self.allow_private and not is_public(address):
            raise PrivateAddress("not a public address")

    def __call__(self, target: tuple[Any, ...]) -> socket.socket:
        """Open a socket for (family, type, protocol, name, address), as `getaddrinfo` returns them."""
        family, kind, protocol, _, address = target
        self.check(address[0])
        return socket.socket(family, kind, protocol)
