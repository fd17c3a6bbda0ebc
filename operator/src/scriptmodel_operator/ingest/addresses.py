"""Which addresses the operator may fetch a corpus from. Pure.

The author of a ScriptModel chooses the URL, but the operator opens the connection, from inside the cluster. Without
rules it would read for them what only it can reach: a cloud's metadata service, the kubelet, other tenants' servers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.failures import SourceError

ANYTHING = "*"
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_6TO4 = IPv6Network("2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")
_PROTOCOLS = IPv4Network("192.0.0.0/24")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Destinations:
    """Public addresses, and what the operator's configuration allows besides."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    """Hosts that are allowed by name, with any address."""

    def check(self, host: str, address: str) -> None:
        """Raise SourceError unless a connection to `address`, which `host` resolves to, is allowed."""
        if host.lower() in self.hosts or self._allows(address):
            return
        where = host if host == address else f"{host} ({address})"
        raise SourceError(
            Reason.NOT_ALLOWED,
            f"{where} is not a public address: put the corpus where everybody can reach it, or have the operator run "
            f"with --allow-download {host}",
        )

    def _allows(self, text: str) -> bool:
        try:
            address = embedded(ip_address(text))
        except ValueError:
            return False
        return is_public(address) or any(address in network for network in self.networks)


def parse_destinations(entries: Iterable[str]) -> Destinations:
    """Parse networks such as 10.1.0.0/16, addresses and host names; `*` allows everything. Raises ValueError."""
    networks: list[Network] = []
    hosts = set()
    for entry in entries:
        if entry == ANYTHING:
            networks += [IPv4Network("0.0.0.0/0"), IPv6Network("::/0")]
        elif "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
            networks.append(ip_network(entry))
        elif entry:
            hosts.add(entry.lower())
        else:
            raise ValueError("an empty text is neither a network nor the name of a host")
    return Destinations(tuple(networks), frozenset(hosts))


def embedded(address: Address) -> Address:
    """Return the IPv4 address that is embedded in an IPv6 address, if packets to the latter reach the former."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def is_public(address: Address) -> bool:
    """Return whether the address is public: not private, loopback, link-local, shared, multicast, reserved."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and address not in _PROTOCOLS
    return address in _GLOBAL_UNICAST and address.is_global and address not in _6TO4
