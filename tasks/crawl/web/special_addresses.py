"""Special-purpose IP addresses: no part of the public internet, so a crawl does not connect to them.

The blocks that IANA's registries of special-purpose addresses (RFC 6890, RFC 8190), IPv4 and IPv6, call not globally
reachable, as last updated on 2025-10-09; compared row by row in November 2026 with the registries' tables as Plausible
Analytics and Wireshark keep them. tests/crawl/web/test_addresses.py holds every row. Beside them stands what those
registries leave out: multicast, the addresses of cloud providers' metadata services, and IPv6 space that IANA has not
given out (only 2000::/3 is). Python's `is_global` is not asked: its answer changed between patch releases.
"""

import ipaddress
import re

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SPECIAL_IPV4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private use (RFC 1918)
        "100.64.0.0/10",  # shared address space (RFC 6598); 100.100.100.200 is Alibaba's metadata service
        "127.0.0.0/8",  # loopback (RFC 1122)
        "169.254.0.0/16",  # link local (RFC 3927); 169.254.169.254 is the metadata service of most clouds
        "172.16.0.0/12",  # private use (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890); 192.0.0.192 is Oracle's metadata service
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # deprecated relay of 6to4 (RFC 7526)
        "192.168.0.0/16",  # private use (RFC 1918)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved (RFC 1112), and the limited broadcast
        "168.63.129.16/32",  # Azure's platform services: a public address that only machines there reach
    )
)
# globally reachable, though within 192.0.0.0/24: anycast of PCP and TURN (RFC 7723, RFC 8155)
REACHABLE_IPV4 = frozenset(map(ipaddress.IPv4Address, ("192.0.0.9", "192.0.0.10")))

# All that IANA has given out. Outside lie, among others, unique local fc00::/7 with the metadata services fd00:ec2::254
# (AWS), fd20:ce::254 (Google) and fd00:c1::a9fe:a9fe (Oracle), link local fe80::/10, multicast ff00::/8, local NAT64
# 64:ff9b:1::/48, discard and dummy addresses 100::/63 and segment routing 5f00::/16.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments (RFC 2928), with Teredo (2001::/32), benchmarks and ORCHID
        "2001:db8::/32",  # documentation (RFC 3849)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
REACHABLE_IPV6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001:1::1/128", "2001:1::2/128", "2001:1::3/128",  # anycast of PCP, TURN and DNS-SD (RFC 7723, 8155, 9665)
        "2001:3::/32",  # AMT (RFC 7450)
        "2001:4:112::/48",  # AS112 (RFC 7535)
        "2001:20::/28", "2001:30::/28",  # ORCHIDv2 (RFC 7343), drone ids (RFC 9374)
    )
)  # fmt: skip

# IPv6 blocks whose addresses lead to an IPv4 address, and where in the 128 bits that begins
EMBEDDED_IPV4 = tuple(
    (ipaddress.IPv6Network(block), shift)
    for block, shift in (
        ("::/96", 0),  # IPv4-compatible (RFC 4291, deprecated)
        ("::ffff:0:0/96", 0),  # IPv4-mapped (RFC 4291)
        ("::ffff:0:0:0/96", 0),  # IPv4-translated (RFC 2765)
        ("64:ff9b::/96", 0),  # NAT64 (RFC 6052)
        ("2002::/16", 80),  # 6to4 (RFC 3056)
    )
)
UNSPECIFIED_AND_LOOPBACK = frozenset(map(ipaddress.IPv6Address, ("::", "::1")))

IPV4_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


def parse_ipv4(host: str) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a host stands for; None for a name.

    As browsers and resolvers do (WHATWG URL, "IPv4 parser"): `127.1`, `0177.0.0.1`, `0x7f000001` and `2130706433` are
    127.0.0.1. Raises ValueError for what ends in a number and is no address.
    """
    parts = host.removesuffix(".").split(".")
    if not IPV4_NUMBER.fullmatch(parts[-1]):
        return None
    numbers = []
    for part in parts:
        if not IPV4_NUMBER.fullmatch(part):
            raise ValueError(f"{host} is no IPv4 address")
        is_hexadecimal, is_octal = part[1:2] in ("x", "X"), len(part) > 1 and part[0] == "0"
        numbers.append(int(part[2:] or "0", 16) if is_hexadecimal else int(part, 8 if is_octal else 10))
    # the last number fills the bytes that are left
    *first, last = numbers
    if len(first) > 3 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        raise ValueError(f"{host} is no IPv4 address")
    return ipaddress.IPv4Address(last + sum(number << 8 * (3 - index) for index, number in enumerate(first)))


def resolve_embedded(address: IpAddress) -> IpAddress:
    """Return the address that a connection reaches: some IPv6 addresses embed an IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address) or address in UNSPECIFIED_AND_LOOPBACK:
        return address
    for block, shift in EMBEDDED_IPV4:
        if address in block:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def is_public(address: IpAddress) -> bool:
    """Return whether an address is on the public internet, by the registries of this file."""
    reached = resolve_embedded(address)
    if isinstance(reached, ipaddress.IPv4Address):
        return reached in REACHABLE_IPV4 or not any(reached in block for block in SPECIAL_IPV4)
    if any(reached in block for block in REACHABLE_IPV6):
        return True
    return reached in GLOBAL_UNICAST and not any(reached in block for block in SPECIAL_IPV6)
