"""Finds the HTTP proxy for an API server in the environment, as kubectl does."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.request import getproxies, proxy_bypass

from yarl import URL


def proxy_of_environment(server: str) -> str | None:
    """Return the proxy that HTTPS_PROXY or HTTP_PROXY names for a server, None if it is reached directly.

    Hosts, domains and networks of NO_PROXY are reached directly, and so is loopback.
    """
    url, proxies = URL(server), getproxies()
    address, host = proxies.get(url.scheme), url.host or ""
    if not address or host == "localhost" or _is_in(host, "127.0.0.0/8,::1"):
        return None
    if proxy_bypass(f"{host}:{url.port}") or _is_in(host, proxies.get("no", "")):
        return None
    return address if "://" in address else f"http://{address}"


def _is_in(host: str, networks: str) -> bool:
    """Return whether a host is an IP address in one of the networks; other entries of the list are ignored."""
    for network in networks.split(","):
        with suppress(ValueError):
            if ip_address(host) in ip_network(network.strip(), strict=False):
                return True
    return False
