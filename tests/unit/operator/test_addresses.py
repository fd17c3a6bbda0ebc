"""The addresses from which a corpus may be downloaded."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.addresses import Destinations, parse_destinations
from scriptmodel_operator.ingest.failures import SourceError

NOT_PUBLIC = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
V4_INSIDE = st.sampled_from(NOT_PUBLIC).flatmap(lambda text: st.ip_addresses(network=text))


def allowed(address: str, destinations: Destinations = Destinations(), host: str = "files.example.com") -> bool:  # noqa: B008 - immutable
    try:
        destinations.check(host, address)
    except SourceError:
        return False
    return True


def test_a_refusal_names_what_the_operator_has_to_allow() -> None:
    with pytest.raises(SourceError, match="--allow-download intern") as caught:
        Destinations().check("intern", "10.0.0.1")
    assert caught.value.reason is Reason.NOT_ALLOWED
    assert "intern (10.0.0.1) is not a public address" in str(caught.value)


@given(V4_INSIDE)
def test_no_address_of_a_private_network_is_allowed_in_any_form(address: IPv4Address) -> None:
    number = int(address)
    forms = [
        str(address),
        str(IPv6Address((0xFFFF << 32) + number)),
        str(IPv6Address((0x64FF9B << 96) + number)),
        str(IPv6Address((0x2002 << 112) + (number << 80))),
        str(IPv6Address(number)),
    ]
    assert [form for form in forms if allowed(form)] == []


@given(st.ip_addresses(v=6).filter(lambda address: address not in ip_network("2000::/3")))
def test_only_global_unicast_and_embedded_public_ipv4_addresses_are_public_ipv6(address: IPv6Address) -> None:
    stands_for_another = address in ip_network("::ffff:0:0/96") or address in ip_network("64:ff9b::/96")
    assert stands_for_another or not allowed(str(address))


@pytest.mark.parametrize(
    "address",
    [
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::", "::7f00:1", "100::1", "not an address", ""),
    ],
)
def test_addresses_inside_the_network_are_refused(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert allowed(address)


def test_the_operator_may_allow_networks_addresses_and_hosts() -> None:
    some = parse_destinations(["10.1.0.0/16", "192.168.7.7", "fd00::/8", "Files.Example.com"])
    assert allowed("10.1.2.3", some, "other")
    assert allowed("::ffff:10.1.2.3", some, "other"), "the same address in another form"
    assert allowed("192.168.7.7", some, "other")
    assert allowed("fd00::1", some, "other")
    assert allowed("127.0.0.1", some, "files.example.com"), "whatever address it has"
    assert not allowed("10.2.0.1", some, "other")
    assert not allowed("127.0.0.1", some, "evil.files.example.com")
    assert all(allowed(each, parse_destinations(["*"]), "x") for each in ("127.0.0.1", "::1", "fe80::1"))


@given(st.ip_addresses())
def test_an_allowed_address_is_allowed(address: IPv4Address | IPv6Address) -> None:
    assert allowed(str(ip_address(str(address))), parse_destinations([str(address), "0.0.0.0/0"]), "x")


@pytest.mark.parametrize("entry", ["10.0.0.0/40", "10.1.0.1/16", "host:8080", "", "300.1.1.1"])
def test_a_value_that_is_neither_a_network_nor_a_host_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_destinations([entry])
