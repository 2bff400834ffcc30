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
