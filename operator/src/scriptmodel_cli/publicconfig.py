"""The public configuration of an installed operator: how people reach the Pachyderm that it uses.

Each release writes one ConfigMap without secrets into kube-public, which every authenticated user may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = "kube-public"
LABEL = "scriptmodel.dev/public-config"
_DEFAULT_PORT = 443
_ADDRESS = re.compile(r"(?P<scheme>grpcs?://)?(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)*)(:(?P<port>[0-9]{1,5}))?")
_LABELS_OF_A_SERVICE = 3
"""NAME.NAMESPACE.svc, and then perhaps the domain of the cluster."""


class AmbiguousError(Exception):
    """Releases with different addresses of pachd serve the same namespace."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """A port of a Service, and the host name that its certificate is for."""

    namespace: str
    name: str
    port: int
    host: str


@dataclass(frozen=True, slots=True)
class PublicConfig:
    """What one release publishes."""

    name: str
    """Name of the ConfigMap."""
    release_namespace: str
    watched: tuple[str, ...]
    """Namespaces that the release watches; empty for all."""
    pachd: str
    """Address as in --pachd."""
    certificates: str
    """PEM, to trust in place of gRPC's roots; may be empty."""
    port_forward_role: str
    """Role in pachd's namespace that grants port-forwards; empty if the release made none."""

    @property
    def service(self) -> ServiceAddress | None:
        """The Service that the address names, None for an address outside of the cluster.

        The operator's pod resolves a name without dots in the namespace of the release.
        """
        found = _ADDRESS.fullmatch(self.pachd)
        if found is None or found["host"] == "localhost":
            return None
        name, *rest = found["host"].split(".")
        port = int(found["port"] or _DEFAULT_PORT)
        if not rest:
            return ServiceAddress(self.release_namespace, name, port, found["host"])
        if len(rest) + 1 >= _LABELS_OF_A_SERVICE and rest[1] == "svc":
            return ServiceAddress(rest[0], name, port, found["host"])
        return None


def parse(config_map: Mapping[str, Any]) -> PublicConfig | None:
    """Return what a ConfigMap publishes; None if it has no address."""
    data = config_map.get("data") or {}
    if not data.get("pachd"):
        return None
    return PublicConfig(
        name=config_map["metadata"]["name"],
        release_namespace=data.get("releaseNamespace", ""),
        watched=tuple(str(data.get("watchNamespaces", "")).split()),
        pachd=data["pachd"],
        certificates=data.get("pachdCertificates", ""),
        port_forward_role=data.get("portForwardRole", ""),
    )


def choose(published: Iterable[PublicConfig], namespace: str) -> PublicConfig | None:
    """Return the release that serves a namespace; one that names the namespace goes before one for the whole cluster.

    Releases that agree on pachd are as good as one. Raises AmbiguousError if they do not.
    """
    releases = sorted(published, key=lambda each: each.name)
    candidates = [each for each in releases if namespace in each.watched]
    candidates = candidates or [each for each in releases if not each.watched]
    if len({(each.pachd, each.service, each.certificates) for each in candidates}) > 1:
        named = ", ".join(f"{each.name} ({each.pachd})" for each in candidates)
        raise AmbiguousError(f"several releases of the operator serve namespace {namespace}: {named}")
    return candidates[0] if candidates else None
