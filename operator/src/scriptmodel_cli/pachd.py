"""How the command finds pachd: by the options, else by what a release of the operator publishes in the cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from scriptmodel_cli.publicconfig import LABEL, NAMESPACE, AmbiguousError, PublicConfig, choose, parse

if TYPE_CHECKING:
    from scriptmodel_cli.portforward import PortForward
    from scriptmodel_operator.kube.client import KubeClient
    from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
    from scriptmodel_operator.pachyderm.channel import PachdAddress

T = TypeVar("T")

_ASK_SECONDS = 15.0
_SET = "set --pachd or SCRIPTMODEL_PACHD to its HOST:PORT"


class Cluster(Protocol):
    """What is needed of the session."""

    @property
    def kubeconfig(self) -> Path | None: ...

    def ask(self, question: Callable[[KubeClient], Awaitable[T]], seconds: float | None = None) -> T: ...

    def where(self) -> str: ...

    def login(self) -> kopf.ConnectionInfo: ...


class PachdAccess:
    """Address, certificates and port-forward, found once for all that a command asks of Pachyderm."""

    def __init__(self, cluster: Cluster, given: str, token_file: Path | None, ca_file: Path | None) -> None:
        """`given` and the files are those of the options, which go before what is published."""
        self._cluster = cluster
        self._given = given
        self._token_file = token_file
        self._ca_file = ca_file
        self._port_forward: PortForward | None = None
        self._files = ExitStack()
        self._why_unknown = ""

    @property
    def is_known(self) -> bool:
        return bool(self._given) or self._published is not None

    def address(self, purpose: str) -> PachdAddress:
        """Return how to connect, with a port-forward open if pachd is inside the cluster and this process is not.

        Raises ClickException, ValueError for a malformed address, OSError for a file that cannot be read.
        """
        from scriptmodel_operator.pachyderm.channel import PachdAddress  # noqa: PLC0415 - gRPC takes time

        if self._given:
            return PachdAddress(self._given, self._token_file, self._ca_file)
        published = self._published
        if published is None:
            raise click.ClickException(f"{purpose} is in Pachyderm, whose address is unknown: {self._why_unknown}")
        tunnel = self._tunnel(published)
        return PachdAddress(published.pachd, self._token_file, self._ca_file or self._published_authorities, tunnel)

    def hint(self) -> str:
        """What to check when pachd does not answer."""
        if self._given or self._published is None:
            return f"does pachd run, and is {self._given} (--pachd) its address?"
        hint = f"does pachd run at {self._published.pachd} (ConfigMap {NAMESPACE}/{self._published.name})?"
        problem = self._port_forward.problem if self._port_forward else ""
        return f"{hint} The port-forward failed: {problem}" if problem else hint

    def close(self) -> None:
        self._files.close()
        self._port_forward = None

    @cached_property
    def _published(self) -> PublicConfig | None:
        """The public configuration of the release that serves the namespace; None, and `_why_unknown`, without one."""
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector={LABEL}%3Dtrue"
        what = f"listing ConfigMaps in {NAMESPACE}"
        try:
            listed = self._cluster.ask(lambda client: client.request("GET", path, what), _ASK_SECONDS)
            namespace = self._cluster.where()
            found = choose(filter(None, map(parse, listed.get("items", []))), namespace)
        except click.ClickException as error:
            self._why_unknown = f"{_SET} ({error.message})"
            return None
        except AmbiguousError as error:
            self._why_unknown = f"{error}; {_SET}"
            return None
        if found is None:
            self._why_unknown = (
                f"{_SET}; no release of the operator publishes one for namespace {namespace} in {NAMESPACE} "
                "(publicConfig.create of its chart)"
            )
        return found

    @cached_property
    def _published_authorities(self) -> Path | None:
        """A file with the published certificates: connections read them from one."""
        if self._published is None or not self._published.certificates:
            return None
        folder = self._files.enter_context(tempfile.TemporaryDirectory(prefix="scriptmodel-"))
        file = Path(folder, "ca.crt")
        file.write_text(self._published.certificates)
        return file

    def _tunnel(self, published: PublicConfig) -> Path | None:
        """The socket of the port-forward; None if the address can be reached without."""
        from scriptmodel_operator.kube.login import in_a_pod  # noqa: PLC0415 - kopf takes time

        if published.service is None or in_a_pod(self._cluster.kubeconfig):
            return None
        if self._port_forward is None:
            self._port_forward = self._files.enter_context(self._forward(published))
        return self._port_forward.socket

    def _forward(self, published: PublicConfig) -> PortForward:
        from scriptmodel_cli.portforward import PortForward  # noqa: PLC0415 - kopf takes time
        from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError  # noqa: PLC0415 - as it

        service = published.service
        assert service is not None  # noqa: S101 - for mypy: `_tunnel` has looked
        try:
            return PortForward(self._cluster.login, service)
        except KubeForbiddenError as error:
            raise click.ClickException(
                f"you may not forward a port to pachd at {published.pachd}: {_how_to_be_granted(published)}; or {_SET} "
                f"({error})"
            ) from error
        except KubeError as error:
            raise click.ClickException(
                f"cannot forward a port to pachd at {published.pachd} (ConfigMap {NAMESPACE}/{published.name}): "
                f"{error}; check that pachd runs, or {_SET}"
            ) from error


def _how_to_be_granted(published: PublicConfig) -> str:
    if not published.port_forward_role or published.service is None:
        return (
            "ask an administrator to set rbac.portForward.create and rbac.portForward.subjects in the operator's chart"
        )
    role, namespace = published.port_forward_role, published.service.namespace
    return (
        f"ask an administrator for `kubectl -n {namespace} create rolebinding {role}-YOU --role={role} --user=YOU`, "
        "or to add you to rbac.portForward.subjects in the operator's chart"
    )
