import ipaddress
import socket

import pytest

from tasks.crawl.web.addresses import (
    AddressGate,
    MissingContact,
    PrivateAddress,
    is_loopback,
    is_private,
    list_loopback_targets,
    parse_address,
)
from tasks.crawl.web.special_addresses import is_public

PRIVATE = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
    "168.63.129.16", "100.100.100.200", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "255.255.255.255", "fd00:ec2::254", "64:ff9b:1::1", "64:ff9b:1::808:808", "2001:db8::1", "3fff::1",
    "5f00::1", "100::1", "2001::1", "2001:2::1", "2001:0:a00:1::1", "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe", "::10.0.0.1", "::ffff:0:a00:1", "::ffff:169.254.169.254", "fec0::1", "4000::1",
    "fe80::1%eth0",
    "fe80::1", "fc00::1", "ff02::1", "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
]  # fmt: skip
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]
PUBLIC = [
    "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.0.9", "2606:4700::1", "64:ff9b::808:808", "2002:808:808::1",
    "::ffff:8.8.8.8", "2001:4860:4860::8888", "2001:20::1",
]  # fmt: skip


# IANA's registries of 2025-10-09: block → globally reachable. Deprecated blocks and "N/A" (Teredo) count as not; what
# 6to4 and NAT64 lead to is an IPv4 address, so they have tests of their own.
REGISTRY = {
    "0.0.0.0/8": False, "0.0.0.0/32": False, "10.0.0.0/8": False, "100.64.0.0/10": False, "127.0.0.0/8": False,
    "169.254.0.0/16": False, "172.16.0.0/12": False, "192.0.0.0/24": False, "192.0.0.0/29": False,
    "192.0.0.8/32": False, "192.0.0.9/32": True, "192.0.0.10/32": True, "192.0.0.170/32": False,
    "192.0.0.171/32": False, "192.0.2.0/24": False, "192.31.196.0/24": True, "192.52.193.0/24": True,
    "192.88.99.0/24": False, "192.88.99.2/32": False, "192.168.0.0/16": False, "192.175.48.0/24": True,
    "198.18.0.0/15": False, "198.51.100.0/24": False, "203.0.113.0/24": False, "240.0.0.0/4": False,
    "255.255.255.255/32": False,
    "::1/128": False, "::/128": False, "64:ff9b:1::/48": False, "100::/64": False, "100:0:0:1::/64": False,
    "2001::/23": False, "2001::/32": False, "2001:1::1/128": True, "2001:1::2/128": True, "2001:1::3/128": True,
    "2001:2::/48": False, "2001:3::/32": True, "2001:4:112::/48": True, "2001:10::/28": False, "2001:20::/28": True,
    "2001:30::/28": True, "2001:db8::/32": False, "2620:4f:8000::/48": True, "3fff::/20": False, "5f00::/16": False,
    "fc00::/7": False, "fe80::/10": False,
    # not in the registries: multicast, and blocks that IANA has given out to be used by everybody
    "224.0.0.0/4": False, "ff00::/8": False, "1.0.0.0/8": True, "192.0.1.0/24": True, "198.20.0.0/15": True,
    "223.0.0.0/8": True, "2400::/12": True, "2001:200::/23": True, "2600::/12": True, "2a00::/12": True,
}  # fmt: skip
NETWORKS = {ipaddress.ip_network(block): is_reachable for block, is_reachable in REGISTRY.items()}

METADATA_SERVICES = {
    "most clouds": "169.254.169.254",
    "AWS over IPv6": "fd00:ec2::254",
    "tasks of AWS ECS": "169.254.170.2",
    "pods of AWS EKS": "169.254.170.23",
    "pods of AWS EKS over IPv6": "fd00:ec2::23",
    "Google Cloud over IPv6": "fd20:ce::254",
    "Azure's platform": "168.63.129.16",
    "Alibaba": "100.100.100.200",
    "Oracle": "192.0.0.192",
    "Oracle over IPv6": "fd00:c1::a9fe:a9fe",
    "OpenStack over IPv6": "fe80::a9fe:a9fe",
    "Scaleway": "169.254.42.42",
    "Scaleway over IPv6": "fd00:42::42",
    "Tencent": "169.254.0.23",
}


def embed_ipv4(address):
    """The IPv6 addresses that lead to an IPv4 address, by the way that they do."""
    number = int(ipaddress.IPv4Address(address))
    wellknown = {"mapped": "::ffff:0:0", "compatible": "::", "translated": "::ffff:0:0:0", "NAT64": "64:ff9b::"}
    forms = {name: int(ipaddress.IPv6Address(prefix)) | number for name, prefix in wellknown.items()}
    forms["6to4"] = 0x2002 << 112 | number << 80 | 1
    return {name: str(ipaddress.IPv6Address(form)) for name, form in forms.items()}


@pytest.mark.parametrize("block", NETWORKS, ids=str)
def test_every_row_of_the_registries(block):
    first, last = int(block[0]), int(block[-1])
    for address in {block[0], block[(last - first) // 2], block[-1]}:
        narrowest = max((other for other in NETWORKS if address in other), key=lambda other: other.prefixlen)
        assert is_public(address) == NETWORKS[narrowest], address


@pytest.mark.parametrize("service", METADATA_SERVICES)
def test_metadata_services_are_refused_however_they_are_written(service):
    address = METADATA_SERVICES[service]
    forms = {"plain": address} | (embed_ipv4(address) if "." in address else {})
    # a seed on this machine opens nothing else
    gate = AddressGate(allow_private=False, loopback_targets={("127.0.0.1", 80)}, has_contact=True)
    for form in forms.values():
        assert not is_public(parse_address(form)), form
        with pytest.raises(PrivateAddress):
            gate.check(form, 80)


@pytest.mark.parametrize("way", embed_ipv4("8.8.8.8"))
def test_an_embedded_address_counts_as_the_one_that_it_leads_to(way):
    assert is_public(parse_address(embed_ipv4("8.8.8.8")[way]))
    assert not is_public(parse_address(embed_ipv4("10.0.0.1")[way]))
    assert is_loopback(embed_ipv4("127.0.0.1")[way])


@pytest.mark.parametrize(
    "host", ["2852039166", "0xa9fea9fe", "0xA9.0xFE.43518", "169.16689662", "0251.0376.0251.0376", "169.254.169.254."]
)
def test_other_spellings_of_an_address_are_that_address(host):
    assert parse_address(host) == ipaddress.IPv4Address("169.254.169.254")
    assert is_private(host)
    with pytest.raises(PrivateAddress):
        AddressGate(allow_private=False, loopback_targets=(), has_contact=True).check(host, 80)


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "0177.0.0.1", "2130706433", "017700000001", "0x7f000001"])
def test_other_spellings_of_this_machine(host):
    assert is_loopback(host)
    assert list_loopback_targets([f"http://{host}:8000/"]) == {("127.0.0.1", 8000)}


@pytest.mark.parametrize(
    "host", ["256.1.1.1", "1.2.3.4.5", "0x100000000", "1.2.3.08", "1..2", "a.1", "example.org", ""]
)
def test_what_is_no_address(host):
    assert parse_address(host) is None


def test_teredo_and_local_nat64_lead_nowhere_that_can_be_judged():
    for address in ("2001:0:808:808:0:3fff:f7f7:f7f7", "64:ff9b:1::808:808", "2002:c058:6301::1"):
        assert not is_public(parse_address(address))


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK])
def test_not_public(address):
    assert not is_public(parse_address(address))
    assert is_private(address) == (address in PRIVATE)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address):
    assert is_public(parse_address(address))
    assert not is_private(address)


@pytest.mark.parametrize("host", [*LOOPBACK, "[::1]", "localhost", "docs.localhost"])
def test_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.org", "example.org", "8.8.8.8", "0.0.0.0"])
def test_another_machine(host):
    assert not is_loopback(host)


def target(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, 0, "", (address, 80))


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK])
def test_gate_is_shut(address):
    with pytest.raises(PrivateAddress):
        AddressGate(allow_private=False, loopback_targets=(), has_contact=True)(target(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_gate_is_open_to_public_addresses(address):
    with AddressGate(allow_private=False, loopback_targets=(), has_contact=True)(target(address)) as opened:
        assert opened.type == socket.SOCK_STREAM


def test_what_opens_the_gate():
    AddressGate(allow_private=True, loopback_targets=(), has_contact=True)(target("10.0.0.1")).close()
    AddressGate(allow_private=False, loopback_targets={("127.0.0.1", 80)}, has_contact=False)(
        target("127.0.0.1")
    ).close()
    with pytest.raises(PrivateAddress):
        AddressGate(allow_private=False, loopback_targets={("127.0.0.1", 80)}, has_contact=True)(target("10.0.0.1"))
    with pytest.raises(MissingContact):
        AddressGate(allow_private=True, loopback_targets={("127.0.0.1", 80)}, has_contact=False)(target("10.0.0.1"))
    with pytest.raises(MissingContact):
        AddressGate(allow_private=False, loopback_targets={("127.0.0.1", 80)}, has_contact=False).check(
            "example.org", 80
        )


def test_a_seed_opens_its_own_port_of_its_own_address():
    targets = list_loopback_targets(["http://127.0.0.1:8000/", "http://x.org:9000/", "https://localhost/"])
    assert targets == {("127.0.0.1", 8000), ("127.0.0.1", 443), ("::1", 443)}
    gate = AddressGate(allow_private=False, loopback_targets=targets, has_contact=True)
    for host, port in (("127.0.0.1", 8000), ("::ffff:127.0.0.1", 8000), ("localhost", 8000), ("::1", 443)):
        gate.check(host, port)
    for host, port in (("127.0.0.1", 9000), ("127.0.0.2", 8000), ("::1", 8000), ("localhost", 22)):
        with pytest.raises(PrivateAddress):
            gate.check(host, port)
