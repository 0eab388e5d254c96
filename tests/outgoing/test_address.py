"""Which addresses outgoing connections may go to."""

from ipaddress import ip_address, ip_network

import pytest

from broker.outgoing.address import is_public, permitted_within

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::7f00:1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_what_is_permitted_is_public_or_in_a_listed_network() -> None:
    permits = permitted_within([ip_network("10.1.0.0/16"), ip_network("fc00:1::/32")])

    assert permits(ip_address("1.1.1.1"))
    assert permits(ip_address("2606:4700::1111"))
    assert permits(ip_address("10.1.255.255"))
    assert permits(ip_address("fc00:1::9"))
    assert not permits(ip_address("10.2.0.0"))
    assert not permits(ip_address("fc00:2::9"))
    assert not permits(ip_address("169.254.169.254"))


@pytest.mark.parametrize(
    "form", ["::ffff:{}", "64:ff9b::{}"], ids=["mapped", "translated by NAT64"]
)
def test_an_ipv4_address_is_judged_alike_in_every_form(form: str) -> None:
    permits = permitted_within([ip_network("10.1.0.0/16")])

    assert permits(ip_address(form.format("10.1.2.3")))
    assert permits(ip_address(form.format("1.1.1.1")))
    assert not permits(ip_address(form.format("10.2.0.0")))
    assert not permits(ip_address(form.format("127.0.0.1")))


def test_all_of_ipv6_is_not_all_of_ipv4() -> None:
    permits = permitted_within([ip_network("::/0")])

    assert permits(ip_address("fc00::1"))
    assert not permits(ip_address("::ffff:127.0.0.1"))
    assert not permits(ip_address("64:ff9b::127.0.0.1"))


@pytest.mark.parametrize("address", PRIVATE)
def test_nothing_private_is_permitted_if_no_network_is_listed(address: str) -> None:
    assert not permitted_within([])(ip_address(address))


@pytest.mark.parametrize("network", ["::ffff:10.0.0.0/104", "64:ff9b::/96", "2002:a00::/24"])
def test_a_network_that_could_never_match_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        permitted_within([ip_network(network)])
