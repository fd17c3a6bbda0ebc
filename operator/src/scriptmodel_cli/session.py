"""Connects the command to the cluster and its engine; the clients of both are imported when they are needed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from scriptmodel_cli.access import LOG_IN, EngineAccess, grant
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.output import note
from scriptmodel_cli.text import did_you_mean
from scriptmodel_operator.api.identity import COMMAND_MANAGER, JOBS, engine_of
from scriptmodel_operator.api.names import DEFAULT_PROJECT
from scriptmodel_operator.engine.errors import AccessError, EngineError, UnavailableError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError, KubeUnavailableError
from scriptmodel_operator.leadership import UNLIMITED

if TYPE_CHECKING:
    from scriptmodel_operator.api.objects import ScriptModel
    from scriptmodel_operator.kube.client import KubeClient
    from scriptmodel_operator.kube.login import Credentials

T = TypeVar("T")

POLL_SECONDS = 1.0
NOT_SERVED = (
    "the API server does not know ScriptModels: check that this is the right cluster, or install the CRD with "
    "`kubectl apply -f manifests/crd.yaml`"
)
_FORBIDDEN = re.compile(r'User ".*" cannot .* in the namespace "([a-z0-9-]+)"')
_NO_ANSWER = "is the cluster running, and is this its kubeconfig (--kubeconfig)?"


def pause() -> None:
    time.sleep(POLL_SECONDS)


def parsed(found: Mapping[str, Any], engine: str = "") -> ScriptModel:
    """Parse an object of the API server as its engine reads it, by default the one that is recorded on it.

    Raises ClickException if its spec is of another version of the API.
    """
    from scriptmodel_operator.api.objects import (  # noqa: PLC0415 - pydantic takes time
        InvalidSpecError,
        in_namespace,
        parse_object,
    )

    try:
        model = parse_object(found)
        return in_namespace(model) if (engine or engine_of(found)).startswith(f"{JOBS}/") else model
    except InvalidSpecError as error:
        raise click.ClickException(
            f"{error}: the CRD and this program are of different versions; upgrade the older"
        ) from error


class Engine(Gateway, Protocol):
    """The engine, as commands use it."""

    def create_project(self, project: str) -> None: ...


class ForbiddenError(click.ClickException):
    """The person may not list ScriptModels there."""


class ServerUnavailableError(click.ClickException):
    """The API server did not answer, or requested a retry."""


@dataclass
class Session:
    """The connection options, and one connection to the cluster for all requests of a command."""

    kubeconfig: Path | None = None
    namespace: str = ""
    pachd: str = ""
    pachd_token_file: Path | None = None
    pachd_ca_file: Path | None = None
    _reached: bool = field(default=False, init=False)
    """Whether the API server has answered at all, even if it is busy."""

    def call(self, request: Callable[[KubeClient], T]) -> T:
        """Send a request. Raises ServerUnavailableError without an answer, ClickException if no retry would help."""
        try:
            answer = request(self.client)
        except KubeUnavailableError as error:
            self._reached = self._reached or bool(error.status)
            raise ServerUnavailableError(str(error) if self._reached else f"{error}: {_NO_ANSWER}") from error
        except KubeError as error:
            raise click.ClickException(f"{error}: {LOG_IN}" if error.status == 401 else str(error)) from error
        self._reached = True
        return answer

    def where(self) -> str:
        return self.namespace or self.credentials.newest.namespace or "default"

    def get(self, name: str) -> dict[str, Any]:
        """Return a ScriptModel. Raises ClickException if it does not exist."""
        found = self.find(name)
        if found is None:
            self.check_served()
            where, others = self.where(), list[dict[str, Any]]()
            with suppress(click.ClickException):  # they may be forbidden to list
                others = self.call(lambda client: client.list_scriptmodels(where))
            near = did_you_mean(name, (str(each["metadata"]["name"]) for each in others))
            raise click.ClickException(
                f"ScriptModel {name!r} does not exist in namespace {where!r}{near}: see `scriptmodel list -A`"
            )
        return found

    def all_of(self, request: Callable[[KubeClient], T]) -> T:
        """List ScriptModels. The error reports whether the CRD is installed, and what to do without the right."""
        try:
            return self.call(request)
        except click.ClickException as error:
            if isinstance(error.__cause__, KubeNotFoundError):
                self.check_served()
            if isinstance(error.__cause__, KubeForbiddenError):
                ways = "name a namespace that you may view (-n NAMESPACE), or ask an administrator for the role `view`"
                raise ForbiddenError(f"{error.message}: {ways}") from error
            raise

    def check_served(self) -> None:
        if not self.call(lambda client: client.serves_scriptmodels()):
            raise click.ClickException(NOT_SERVED)

    def get_with_retry(self, name: str, note: Callable[[str], None]) -> dict[str, Any]:
        """Return a ScriptModel; retry, with a note, while a server that has answered is unavailable."""
        noted = False
        while True:
            try:
                return self.get(name)
            except ServerUnavailableError as error:
                if not self._reached:
                    raise
                if not noted:
                    note(f"{error.message}; retrying")
            noted = True
            pause()

    def find(self, name: str, namespace: str = "") -> dict[str, Any] | None:
        try:
            return self.call(lambda client: client.get_scriptmodel(namespace or self.where(), name))
        except click.ClickException as error:
            if isinstance(error.__cause__, KubeNotFoundError):
                return None
            raise

    def patch(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.get(name)  # for its error message
        return self.call(lambda client: client.patch_scriptmodel(self.where(), name, patch, COMMAND_MANAGER))

    def listed(self, what: str, path: str) -> list[dict[str, Any]]:
        return list(self.call(lambda client: client.request("GET", path, f"listing {what}")).get("items", []))

    def items(self, what: str, path: str) -> list[dict[str, Any]]:
        """Return the objects of a list; none, with a note, if they may not be read."""
        try:
            return self.listed(what, path)
        except click.ClickException as error:
            note(f"{what}: {error.message}")
            return []

    @contextmanager
    def engine(self, purpose: str, namespaces: Sequence[str] | None = None) -> Iterator[Engine]:
        """Connect to the engine: Pachyderm at the address of the options, else the one that the operator publishes.

        `namespaces` are those that are listed where projects are namespaces: by default the one of the command, none
        for all.
        """
        try:
            with closing(self._jobs(namespaces) if self.access.uses_jobs else self._pachyderm(purpose)) as gateway:
                yield gateway
        except EngineError as error:
            raise click.ClickException(f"{error}{self._advice(error)}") from error

    def _advice(self, error: EngineError) -> str:
        """Return what to do after an error of the engine, if the error itself does not say it."""
        if isinstance(error, UnavailableError):
            return "" if self.access.uses_jobs else f": {self.access.hint()}"
        where = _FORBIDDEN.search(error.detail) if isinstance(error, AccessError) else None
        role = f"{self.access.release.name}-people" if self.access.release else "edit"
        return f"; ask an administrator {grant(where[1], 'clusterrole', role)}" if where else ""

    def _jobs(self, namespaces: Sequence[str] | None) -> Engine:
        from scriptmodel_cli.requested import PersonalGateway, RequestedBucket  # noqa: PLC0415 - not always needed
        from scriptmodel_cli.transfer import Transfer  # noqa: PLC0415 - likewise
        from scriptmodel_operator.kube.cluster import KubeCluster  # noqa: PLC0415 - likewise

        cluster = KubeCluster(self.client)
        bucket = RequestedBucket(cluster, Transfer(self.access.s3_tunnel), self.where())
        return PersonalGateway(cluster, bucket, [self.where()] if namespaces is None else namespaces)

    def _pachyderm(self, purpose: str) -> Engine:
        from scriptmodel_operator.pachyderm.adapter import PachydermGateway  # noqa: PLC0415 - see above

        try:
            address = self.access.address(purpose)
            address.token()
            return PachydermGateway(address, UNLIMITED)
        except ValueError as error:
            raise InputError(str(error)) from error
        except OSError as error:
            raise InputError(f"cannot read {error.filename}: {error.strerror}") from error

    def project(self, name: str) -> str:
        """Return the project that a name means: where projects are namespaces, `default` is that of the command."""
        return self.where() if name == DEFAULT_PROJECT and self.access.uses_jobs else name

    def forget_engine(self) -> None:
        if found := self.__dict__.pop("access", None):
            found.close()

    def close(self) -> None:
        self.forget_engine()

    @cached_property
    def access(self) -> EngineAccess:
        return EngineAccess(self)

    @cached_property
    def client(self) -> KubeClient:
        from scriptmodel_operator.kube.client import KubeClient  # noqa: PLC0415 - see above

        return KubeClient(self.credentials)

    @cached_property
    def credentials(self) -> Credentials:
        from scriptmodel_operator.kube.login import Credentials, LoginFailedError, login  # noqa: PLC0415 - see above

        try:
            return Credentials(lambda: login(self.kubeconfig, account_first=False))
        except LoginFailedError as error:
            kind = InputError if self.kubeconfig else click.ClickException
            raise kind(str(error)) from error
