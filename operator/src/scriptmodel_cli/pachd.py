"""Finds the engine: pachd at the address of the options, else what a release of the operator publishes."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import click

from scriptmodel_cli.publicconfig import NAMESPACE, RELEASES_PATH, PublicConfig, choose, parse, unwatched

if TYPE_CHECKING:
    from scriptmodel_cli.portforward import PortForward
    from scriptmodel_cli.session import Session
    from scriptmodel_operator.pachyderm.channel import PachdAddress

LOG_IN = "renew the kubeconfig's credentials, or name another with --kubeconfig"
"""The next step after HTTP 401."""
_SET = "set --pachd or SCRIPTMODEL_PACHD to its HOST:PORT"


class PachdAccess:
    """Address, certificates and port-forward of pachd, found once per command."""

    def __init__(self, session: Session) -> None:
        """The options of a session override what is published."""
        self._cluster = session
        self._given, self._token_file, self._ca_file = session.pachd, session.pachd_token_file, session.pachd_ca_file
        self._port_forward: PortForward | None = None
        self._files = ExitStack()
        self._lock = Lock()
        self._why_unknown = ""
        self._unwatched = ""

    @property
    def is_known(self) -> bool:
        return bool(self._given) or self._published is not None

    @property
    def uses_jobs(self) -> bool:
        """Whether the engine is Jobs and a bucket."""
        return not self._given and self._published is not None and self._published.uses_jobs

    @property
    def cluster_id(self) -> str:
        """What the release publishes to identify the cluster; empty if that is nothing."""
        return self._published.cluster_id if self._published else ""

    @property
    def people_role(self) -> str:
        """The ClusterRole of the release with what the command needs in a namespace."""
        return f"{self._published.name}-people" if self._published else "edit"

    @property
    def unwatched(self) -> str:
        """Why no release watches the namespace; empty if one does, or none is published."""
        return "" if self.is_known else self._unwatched

    def s3_tunnel(self) -> str:
        """Return the local address of a port-forward to the bucket's server; empty if it is reached directly."""
        with self._lock:
            return self._tunnel(self._published) if self._published and self._published.storage else ""

    def address(self, purpose: str) -> PachdAddress:
        """Return how to connect, after opening a port-forward if only that reaches pachd.

        Raises ValueError and OSError for invalid options, ClickException if there is no way to pachd.
        """
        from scriptmodel_operator.pachyderm.channel import PachdAddress  # noqa: PLC0415 - gRPC takes time

        if self._given:
            return PachdAddress(self._given, self._token_file or _token_of_localpach(self._given), self._ca_file)
        published = self._published
        if self._unwatched:
            raise click.ClickException(self._unwatched)
        if published is None:
            raise click.ClickException(
                f"the address of pachd, needed for {purpose}, is unknown: {self._why_unknown}; {_SET}"
            )
        authorities = self._ca_file or self._published_authorities
        try:
            PachdAddress(published.pachd, ca_file=None if self._ca_file else authorities)
        except ValueError as error:
            raise click.ClickException(
                f"ConfigMap {NAMESPACE}/{published.name} publishes what is not valid: {error}; ask an administrator to "
                f"fix publicConfig in the operator's chart, or {_SET}, and --pachd-ca-file for its certificates"
            ) from error
        return PachdAddress(published.pachd, self._token_file, authorities, self._tunnel(published))

    def hint(self) -> str:
        """Return what to check where pachd does not answer."""
        if self._given or self._published is None:
            return f"is pachd running, and is {self._given} (--pachd) its address?"
        source = f"{self._published.pachd} (ConfigMap {NAMESPACE}/{self._published.name})"
        return f"is pachd running at {source}?"

    def close(self) -> None:
        self._files.close()
        self._port_forward = None

    @cached_property
    def _published(self) -> PublicConfig | None:
        """The public configuration of the release that serves the namespace; None, with `_why_unknown` set, if none."""
        what = f"listing ConfigMaps in {NAMESPACE}"
        try:
            listed = self._cluster.call(lambda client: client.request("GET", RELEASES_PATH, what))
            namespace = self._cluster.where()
            releases = [*filter(None, map(parse, listed.get("items", [])))]
            found = choose(releases, namespace)
        except click.ClickException as error:
            self._why_unknown = error.message
            return None
        if found is None and releases:
            self._unwatched = unwatched(releases, namespace)
        elif found is None:
            self._why_unknown = (
                f"no release of the operator publishes it in {NAMESPACE} for namespace {namespace} "
                "(publicConfig.create in its chart)"
            )
        return found

    @cached_property
    def _published_authorities(self) -> Path | None:
        """A file with the published certificates, since connections read them from a file; None without any."""
        if self._published is None or not self._published.certificates:
            return None
        folder = self._files.enter_context(tempfile.TemporaryDirectory(prefix="scriptmodel-"))
        file = Path(folder, "ca.crt")
        file.write_text(self._published.certificates)
        return file

    def _tunnel(self, published: PublicConfig) -> str:
        """Return the local address of the port-forward; empty if pachd is reached directly."""
        from scriptmodel_operator.kube.login import in_a_pod  # noqa: PLC0415 - its libraries take time

        if published.service is None or in_a_pod(self._cluster.kubeconfig):
            return ""
        if self._port_forward is None:
            from scriptmodel_cli.portforward import PortForward  # noqa: PLC0415 - not every command needs it

            try:
                forward = PortForward(self._cluster.kubeconfig, published.service)
            except click.ClickException as error:
                where = f"{published.server} (ConfigMap {NAMESPACE}/{published.name})"
                raise click.ClickException(f"cannot forward a port to {where}: {_advice(error, published)}") from error
            self._files.callback(forward.close)
            self._port_forward = forward
        return self._port_forward.address


def _token_of_localpach(address: str) -> Path | None:
    """Return the token of this user's localpach at a port of this machine; localpach links it there."""
    at = re.fullmatch(r"(grpc://)?(localhost|127\.0\.0\.1|\[::1\]):([0-9]+)", address)
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    file = state / "localpach" / at[3] if at else state
    return file if file.is_file() else None


def _advice(error: click.ClickException, published: PublicConfig) -> str:
    if "forbidden" in error.message.lower():
        how = "to set rbac.portForward.create and rbac.portForward.subjects in the operator's chart"
        if published.port_forward_role and published.service:
            how = grant(published.service.namespace, "role", published.port_forward_role)
            how += ", or to add you to rbac.portForward.subjects in the operator's chart"
        return f"{error.message}; ask an administrator {how}" + ("" if published.uses_jobs else f", or {_SET}")
    return f"{error.message}; check that " + ("its pod runs" if published.uses_jobs else f"pachd runs, or {_SET}")


def grant(namespace: str, kind: str, role: str) -> str:
    """Return what to do where a right in a namespace is missing that a Role or a ClusterRole has."""
    return f"for `kubectl -n {namespace} create rolebinding {role}-YOU --{kind}={role} --user=YOU`"
