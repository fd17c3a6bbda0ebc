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


class EngineAccess:
    """The engine, and the port-forward to it, found once per command. The options of a session come first."""

    def __init__(self, session: Session) -> None:
        self._session, self._given = session, session.pachd
        self._forward: PortForward | None = None
        self._files = ExitStack()
        self._lock = Lock()
        self._why_unknown = ""
        self._unwatched = ""

    @cached_property
    def release(self) -> PublicConfig | None:
        """The release that serves the namespace, as it is published; None, and why, if none is."""
        what = f"ConfigMaps in {NAMESPACE}"
        try:
            releases = [*filter(None, map(parse, self._session.listed(what, RELEASES_PATH)))]
            namespace = self._session.where()
            found = choose(releases, namespace)
        except click.ClickException as error:
            self._why_unknown = error.message
            return None
        self._unwatched = unwatched(releases, namespace) if releases and not found else ""
        nothing = f"no release of the operator publishes it in {NAMESPACE} for namespace {namespace}"
        self._why_unknown = f"{nothing} (publicConfig.create in its chart)"
        return found

    @property
    def is_known(self) -> bool:
        return bool(self._given) or self.release is not None

    @property
    def uses_jobs(self) -> bool:
        """Whether the engine is Jobs and a bucket."""
        return not self._given and self.release is not None and self.release.uses_jobs

    @property
    def unwatched(self) -> str:
        """Why no release watches the namespace; empty if one does, or none is published."""
        return "" if self.is_known else self._unwatched

    def s3_tunnel(self) -> str:
        """Return the local address of a port-forward to the bucket's server; empty if it is reached directly."""
        with self._lock:
            return self._tunnel(self.release) if self.release and self.release.storage else ""

    def address(self, purpose: str) -> PachdAddress:
        """Return how to connect, after opening a port-forward if only that reaches pachd.

        Raises ValueError and OSError for invalid options, ClickException if there is no way to pachd.
        """
        from scriptmodel_operator.pachyderm.channel import PachdAddress  # noqa: PLC0415 - gRPC takes time

        token, authorities = self._session.pachd_token_file, self._session.pachd_ca_file
        if self._given:
            return PachdAddress(self._given, token or _token_of_localpach(self._given), authorities)
        release = self.release
        if release is None:
            unknown = f"the address of pachd, needed for {purpose}, is unknown: {self._why_unknown}; {_SET}"
            raise click.ClickException(self._unwatched or unknown)
        published = None if authorities else self._published_authorities(release)
        try:
            PachdAddress(release.pachd, ca_file=published)
        except ValueError as error:
            raise click.ClickException(
                f"ConfigMap {NAMESPACE}/{release.name} publishes what is not valid: {error}; ask an administrator to "
                f"fix publicConfig in the operator's chart, or {_SET}, and --pachd-ca-file for its certificates"
            ) from error
        return PachdAddress(release.pachd, token, authorities or published, self._tunnel(release))

    def hint(self) -> str:
        """Return what to check where pachd does not answer."""
        if self._given or self.release is None:
            return f"is pachd running, and is {self._given} (--pachd) its address?"
        return f"is pachd running at {self.release.pachd} (ConfigMap {NAMESPACE}/{self.release.name})?"

    def close(self) -> None:
        self._files.close()

    def _published_authorities(self, release: PublicConfig) -> Path | None:
        """Return a file with the published certificates, since connections read them from a file; None without any."""
        if not release.certificates:
            return None
        file = Path(self._files.enter_context(tempfile.TemporaryDirectory(prefix="scriptmodel-")), "ca.crt")
        file.write_text(release.certificates)
        return file

    def _tunnel(self, release: PublicConfig) -> str:
        """Return the local address of the port-forward; empty if the server is reached directly."""
        from scriptmodel_cli.portforward import PortForward  # noqa: PLC0415 - not every command needs it
        from scriptmodel_operator.kube.login import in_a_pod  # noqa: PLC0415 - its libraries take time

        if release.service is None or in_a_pod(self._session.kubeconfig):
            return ""
        if self._forward is None:
            try:
                self._forward = PortForward(self._session.kubeconfig, release.service)
            except click.ClickException as error:
                where = f"{release.server} (ConfigMap {NAMESPACE}/{release.name})"
                raise click.ClickException(f"cannot forward a port to {where}: {_advice(error, release)}") from error
            self._files.callback(self._forward.close)
        return self._forward.address


def _token_of_localpach(address: str) -> Path | None:
    """Return the token of this user's localpach at a port of this machine; localpach links it there."""
    at = re.fullmatch(r"(grpc://)?(localhost|127\.0\.0\.1|\[::1\]):([0-9]+)", address)
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    return file if at and (file := state / "localpach" / at[3]).is_file() else None


def _advice(error: click.ClickException, release: PublicConfig) -> str:
    or_set = "" if release.uses_jobs else f", or {_SET}"
    if "forbidden" not in error.message.lower():
        return f"{error.message}; check that {'its pod' if release.uses_jobs else 'pachd'} runs{or_set}"
    chart = "rbac.portForward.subjects in the operator's chart"
    how = f"to set rbac.portForward.create and {chart}"
    if release.port_forward_role and release.service:
        how = f"{grant(release.service.namespace, 'role', release.port_forward_role)}, or to add you to {chart}"
    return f"{error.message}; ask an administrator {how}{or_set}"


def grant(namespace: str, kind: str, role: str) -> str:
    """Return what to do where a right in a namespace is missing that a Role or a ClusterRole has."""
    return f"for `kubectl -n {namespace} create rolebinding {role}-YOU --{kind}={role} --user=YOU`"
