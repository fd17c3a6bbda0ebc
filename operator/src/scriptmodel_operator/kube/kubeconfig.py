"""Reads the current context of merged kubeconfigs, and the proxy of the environment, as kubectl does."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import yaml
from yarl import URL

from scriptmodel_operator.kube.kopf_patches.slim_import import kopf


@dataclass(frozen=True, kw_only=True)
class Connection(kopf.ConnectionInfo):
    """An API server of a kubeconfig and the credentials for it; kopf's own reader requires a user."""

    tls_server_name: str | None = None
    """Name that is sent to the API server and verified in its certificate; None for the host name of its address."""


@dataclass(frozen=True)
class Context:
    """The current context; `user` is empty for anonymous requests."""

    namespace: str | None
    cluster: Mapping[str, Any]
    user_name: str
    user: Mapping[str, Any]

    @property
    def connection(self) -> Connection:
        """Return the API server and the credentials, without those that a program prints."""
        cluster, user = self.cluster, self.user
        provider = (user.get("auth-provider") or {}).get("config") or {}
        return Connection(
            server=cluster["server"],
            ca_path=cluster.get("certificate-authority"),
            ca_data=cluster.get("certificate-authority-data"),
            insecure=cluster.get("insecure-skip-tls-verify"),
            tls_server_name=cluster.get("tls-server-name") or None,
            proxy_url=cluster.get("proxy-url"),
            certificate_path=user.get("client-certificate"),
            certificate_data=user.get("client-certificate-data"),
            private_key_path=user.get("client-key"),
            private_key_data=user.get("client-key-data"),
            username=user.get("username"),
            password=user.get("password"),
            token=user.get("token") or provider.get("access-token"),
            default_namespace=self.namespace,
        )


def current_context(files: Sequence[Path]) -> Context:
    """Read the current context; the first entry of a name wins.

    Raises KeyError and ValueError for what is missing, AttributeError and TypeError for other files.
    """
    documents = [yaml.safe_load(file.read_text(encoding="utf-8")) or {} for file in files]
    names = (document.get("current-context") for document in documents)
    name = next(filter(None, names), None)
    if name is None:
        raise KeyError("current-context")
    context = _entry(documents, "context", name)
    user = context.get("user") or ""
    return Context(
        namespace=context.get("namespace"),
        cluster=_entry(documents, "cluster", context["cluster"]),
        user_name=user,
        user=_entry(documents, "user", user) if user else {},
    )


def _entry(documents: Iterable[Mapping[str, Any]], kind: str, name: str) -> Mapping[str, Any]:
    entries = (each for document in documents for each in document.get(f"{kind}s") or ())
    found = next((each for each in entries if each["name"] == name), None)
    if found is None:
        raise ValueError(f"it has no {kind} {name!r}")
    return found.get(kind) or {}


def proxy_of_environment(server: str) -> str | None:
    """Return the proxy for a server, None for loopback and for hosts, domains and networks of NO_PROXY."""
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
