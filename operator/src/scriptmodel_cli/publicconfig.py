"""What each release of the operator publishes in a ConfigMap in kube-public: its engine, and how to reach it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from scriptmodel_operator.api.identity import JOBS

NAMESPACE = "kube-public"
LABEL = "scriptmodel.dev/public-config"
RELEASES_PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector={LABEL}%3Dtrue"
_DEFAULT_PORT = 443
_ADDRESS = re.compile(r"(?P<scheme>grpcs?://)?(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)*)(:(?P<port>[0-9]{1,5}))?")
_LABELS_OF_A_SERVICE = 3
"""NAME.NAMESPACE.svc, which the domain of the cluster may follow."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    namespace: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class PublicConfig:
    name: str
    """Name of the ConfigMap."""
    release_namespace: str
    watched: tuple[str, ...]
    """Namespaces that the release watches; empty for all."""
    pachd: str
    """Address of pachd, in a form that --pachd accepts; empty if the engine is Jobs and a bucket."""
    certificates: str
    """Certificates in PEM form to trust instead of gRPC's roots; may be empty."""
    port_forward_role: str
    """Role in the Service's namespace that grants port-forwards; empty if the release created none."""
    cluster_id: str = ""
    """The operator's --cluster-id, or the uid of kube-system; empty if the release could not publish it."""
    storage: str = ""
    """Address of the S3 server to which a port is forwarded; empty for a bucket that people reach."""

    @property
    def uses_jobs(self) -> bool:
        return not self.pachd

    @property
    def server(self) -> str:
        return f"the S3 server at {self.storage}" if self.uses_jobs else f"pachd at {self.pachd}"

    @property
    def service(self) -> ServiceAddress | None:
        """The Service that the address names; None if the address is outside the cluster.

        A name without dots is in the namespace of the release, where the operator's pod resolves it.
        """
        found = _ADDRESS.fullmatch(self.pachd or self.storage)
        if found is None or found["host"] == "localhost":
            return None
        name, *rest = found["host"].split(".")
        port = int(found["port"] or _DEFAULT_PORT)
        if not rest and self.release_namespace:
            return ServiceAddress(self.release_namespace, name, port)
        if len(rest) + 1 >= _LABELS_OF_A_SERVICE and rest[1] == "svc":
            return ServiceAddress(rest[0], name, port)
        return None


def parse(config_map: Mapping[str, Any]) -> PublicConfig | None:
    """Return the values of a ConfigMap; None if it has neither an address of pachd nor the engine of Jobs."""
    data = config_map.get("data") or {}
    if not data.get("pachd") and data.get("engine") != JOBS:
        return None
    return PublicConfig(
        name=config_map["metadata"]["name"],
        release_namespace=data.get("releaseNamespace", ""),
        watched=tuple(str(data.get("watchNamespaces", "")).split()),
        pachd=data.get("pachd", ""),
        certificates=data.get("pachdCertificates", ""),
        port_forward_role=data.get("portForwardRole", ""),
        cluster_id=data.get("clusterId", ""),
        storage="" if data.get("publicUrl") else data.get("service", ""),
    )


def choose(published: Iterable[PublicConfig], namespace: str) -> PublicConfig | None:
    """Return the release that serves a namespace, first one that lists it, then one that watches the whole cluster.

    Raises ClickException if several of them have different addresses.
    """
    releases = sorted(published, key=lambda each: each.name)
    candidates = [each for each in releases if namespace in each.watched]
    candidates = candidates or [each for each in releases if not each.watched]
    if len({(each.pachd, each.service, each.certificates, each.storage) for each in candidates}) > 1:
        named = ", ".join(f"{each.name} ({each.pachd or JOBS})" for each in candidates)
        raise click.ClickException(f"several releases of the operator serve namespace {namespace}: {named}")
    return candidates[0] if candidates else None


def unwatched(published: Iterable[PublicConfig], namespace: str) -> str:
    """Return why no release serves a namespace, and what to do."""
    watched = "; ".join(f"{each.name} watches {', '.join(each.watched)}" for each in published)
    ask = "ask an administrator to add it to watchNamespaces of the chart"
    return f"no release of the operator watches namespace {namespace} ({watched}): {ask}"
