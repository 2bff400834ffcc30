"""Which addresses a crawl may connect to: public ones, and this machine's own when a seed names it."""

import ipaddress
import socket
from typing import Any

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052, 2.1: the last 32 bits are an IPv4 address
LOCALHOST = "localhost"


class PrivateAddress(OSError):
    """A connection to an address that is not public was refused."""


class MissingContact(OSError):
    """A connection to another machine was refused, since the user agent does not say who asks."""


def parse_address(host: str) -> IpAddress | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def resolve_embedded(address: IpAddress) -> IpAddress:
    """The address that is reached: some IPv6 addresses stand for an IPv4 one (RFC 4291, RFC 3056, RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_public(address: IpAddress) -> bool:
    """Whether the address belongs to the internet: neither private, link-local, loopback, reserved nor multicast."""
    end = resolve_embedded(address)
    return end.is_global and not end.is_multicast


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, is this machine."""
    address = parse_address(host)
    if address is not None:
        return resolve_embedded(address).is_loopback
    return host == LOCALHOST or host.endswith(f".{LOCALHOST}")


def is_private(host: str) -> bool:
    """Whether a host, as it is written, is an address that is neither public nor this machine."""
    address = parse_address(host)
    return address is not None and not is_public(address) and not resolve_embedded(address).is_loopback


class AddressGate:
    """Opens sockets to permitted addresses only.

    It sees the address that is about to be connected to, whatever URL, redirect or DNS answer led there: a name that
    resolves to another address from one moment to the next gets through no sooner.
    """

    def __init__(self, *, private: bool, loopback: bool, named: bool) -> None:
        self.private, self.loopback, self.named = private, loopback, named

    def check(self, host: str) -> None:
        """Raise PrivateAddress or Nameless for an address, or a name that is as good as one, to leave alone."""
        if self.loopback and is_loopback(host):
            return
        if not self.named:
            raise MissingContact("the user agent names no contact")
        address = parse_address("127.0.0.1" if is_loopback(host) else host)
        if address is not None and not self.private and not is_public(address):
            raise PrivateAddress("not a public address")

    def __call__(self, target: tuple[Any, ...]) -> socket.socket:
        """A socket for (family, type, protocol, name, address), as `getaddrinfo` gives them."""
        family, kind, protocol, _, address = target
        self.check(address[0])
        return socket.socket(family, kind, protocol)
