import socket

import pytest

from tasks.crawl.web.addresses import (
    AddressGate,
    MissingContact,
    PrivateAddress,
    is_loopback,
    is_private,
    is_public,
    parse_address,
)

PRIVATE = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
    "fe80::1", "fc00::1", "ff02::1", "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
]  # fmt: skip
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]
PUBLIC = ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808"]


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
        AddressGate(allow_private=False, allow_loopback=False, has_contact=True)(target(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_gate_is_open_to_public_addresses(address):
    with AddressGate(allow_private=False, allow_loopback=False, has_contact=True)(target(address)) as opened:
        assert opened.type == socket.SOCK_STREAM


def test_what_opens_the_gate():
    AddressGate(allow_private=True, allow_loopback=False, has_contact=True)(target("10.0.0.1")).close()
    AddressGate(allow_private=False, allow_loopback=True, has_contact=False)(target("127.0.0.1")).close()
    with pytest.raises(PrivateAddress):
        AddressGate(allow_private=False, allow_loopback=True, has_contact=True)(target("10.0.0.1"))
    with pytest.raises(MissingContact):
        AddressGate(allow_private=True, allow_loopback=True, has_contact=False)(target("10.0.0.1"))
    with pytest.raises(MissingContact):
        AddressGate(allow_private=False, allow_loopback=True, has_contact=False).check("example.org")
