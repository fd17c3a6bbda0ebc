"""How the command reaches the cluster and Pachyderm. Errors are one line that says what to do.

What reaches them is imported when it is needed: a kubeconfig costs kopf, Pachyderm costs gRPC.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scriptmodel_cli.output import note
from scriptmodel_cli.pachd import PachdAccess
from scriptmodel_cli.text import did_you_mean
from scriptmodel_operator.api.identity import COMMAND_MANAGER, PLURAL
from scriptmodel_operator.leadership import UNLIMITED

if TYPE_CHECKING:
    from scriptmodel_operator.api.objects import ScriptModel
    from scriptmodel_operator.kube.client import KubeClient
    from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
    from scriptmodel_operator.pachyderm.adapter import PachydermGateway

T = TypeVar("T")

_POLL_SECONDS = 1.0
_NOT_SERVED = (
    "the API server does not know ScriptModels: is it the right cluster? `kubectl apply -f manifests/crd.yaml` "
    "installs them"
)
_NOBODY_THERE = "does the cluster run, and is the kubeconfig its own (--kubeconfig)?"
_LOG_IN = "renew the kubeconfig's credentials, or name another with --kubeconfig"


def pause() -> None:
    """Until whoever waits for something asks again."""
    time.sleep(_POLL_SECONDS)


def parsed(found: Mapping[str, Any]) -> ScriptModel:
    """An object as the API server has it; ClickException where its spec is of another version of the API."""
    from scriptmodel_operator.api.objects import InvalidSpecError, parse_object  # noqa: PLC0415 - pydantic takes time

    try:
        return parse_object(found)
    except InvalidSpecError as error:
        raise click.ClickException(
            f"{error}: the CRD and this program are of different versions; upgrade the older"
        ) from error


class AwayError(click.ClickException):
    """The API server did not answer, or said to try again."""


@dataclass
class Session:
    """What the connection's options say. One connection to the cluster for all that a command asks."""

    kubeconfig: Path | None = None
    namespace: str = ""
    pachd: str = ""
    pachd_token_file: Path | None = None
    pachd_ca_file: Path | None = None
    _runner: asyncio.Runner | None = field(default=None, init=False)
    _reached: bool = field(default=False, init=False)
    """The API server has answered, if only that it is busy: its address is right."""

    def ask(self, question: Callable[[KubeClient], Awaitable[T]], seconds: float | None = None) -> T:
        """The answer of the API server; AwayError where there is none (or none within `seconds`), ClickException where
        asking again would not help."""
        from scriptmodel_operator.kube.errors import KubeError, KubeUnavailableError  # noqa: PLC0415 - see above

        client = self._client
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            answer = self._runner.run(_answer(question(client), seconds))
        except TimeoutError as error:
            raise AwayError("no answer in time") from error
        except KubeUnavailableError as error:
            self._reached = self._reached or bool(error.status)
            raise AwayError(str(error) if self._reached else f"{error}: {_NOBODY_THERE}") from error
        except KubeError as error:
            raise click.ClickException(f"{error}: {_LOG_IN}" if error.status == 401 else str(error)) from error
        self._reached = True
        return answer

    def where(self) -> str:
        """The namespace: the option's, else the kubeconfig's, else `default`."""
        return self.namespace or self._connection.default_namespace or "default"

    def get(self, name: str, seconds: float | None = None) -> dict[str, Any]:
        """A ScriptModel; ClickException where there is none."""
        found = self.find(name, seconds=seconds)
        if found is None:
            self.check_served()
            where = self.where()
            near = did_you_mean(name, (str(each["metadata"]["name"]) for each in self._neighbours(where)))
            raise click.ClickException(
                f"there is no ScriptModel {name!r} in namespace {where!r}{near}: see `scriptmodel list -A`"
            )
        return found

    def _neighbours(self, namespace: str) -> list[dict[str, Any]]:
        """Other ScriptModels of the namespace; none where they may not be listed."""
        try:
            return self.ask(lambda client: client.list_scriptmodels(namespace))
        except click.ClickException:
            return []

    def all_of(self, namespace: str | None) -> list[dict[str, Any]]:
        """The ScriptModels of a namespace, or of all."""
        from scriptmodel_operator.kube.errors import KubeNotFoundError  # noqa: PLC0415 - see above

        try:
            return self.ask(lambda client: client.list_scriptmodels(namespace))
        except click.ClickException as error:
            if isinstance(error.__cause__, KubeNotFoundError):
                self.check_served()
            raise

    def check_served(self) -> None:
        """ClickException where the cluster has no such kind of object."""
        if not self.ask(lambda client: client.serves_scriptmodels()):
            raise click.ClickException(_NOT_SERVED)

    def get_patiently(self, name: str, note: Callable[[str], None], until: float | None = None) -> dict[str, Any]:
        """As `get`, but an API server that is away or busy, and is known to be one, is asked again: with a note, and
        where that is given until `until` (monotonic seconds). What it said first is then raised, not that the last
        request was cut short."""
        first: AwayError | None = None
        while True:
            left = None if until is None else until - time.monotonic()
            try:
                return self.get(name, left if left is None else max(left, _POLL_SECONDS))
            except AwayError as error:
                if not self._reached or (left is not None and left <= _POLL_SECONDS):
                    raise first or error from error
                if first is None:
                    first = error
                    note(f"{error.message}; asking again")
            pause()

    def find(self, name: str, namespace: str = "", seconds: float | None = None) -> dict[str, Any] | None:
        from scriptmodel_operator.kube.errors import KubeNotFoundError  # noqa: PLC0415 - see above

        async def question(client: KubeClient) -> dict[str, Any] | None:
            try:
                return await client.get_scriptmodel(namespace or self.where(), name)
            except KubeNotFoundError:
                return None

        return self.ask(question, seconds)

    def patch(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.get(name)  # for its message where there is none
        return self.ask(lambda client: client.patch_scriptmodel(self.where(), name, patch, COMMAND_MANAGER))

    def events(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        """Of one object; none where they may not be read."""
        namespace, uid = found["metadata"]["namespace"], found["metadata"]["uid"]
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events?fieldSelector=regarding.uid={uid}"
        try:
            listed = self.ask(lambda client: client.request("GET", path, f"listing events of {PLURAL}"))
        except click.ClickException as error:
            note(f"events: {error.message}")
            return []
        return list(listed.get("items", []))

    @contextmanager
    def pachyderm(self, purpose: str) -> Iterator[PachydermGateway]:
        """Connect to Pachyderm: at the address of the options, else at the one that the operator publishes."""
        from scriptmodel_operator.pachyderm.adapter import PachydermGateway  # noqa: PLC0415 - see above
        from scriptmodel_operator.pachyderm.errors import PachydermError, UnavailableError  # noqa: PLC0415 - see above

        try:
            gateway = PachydermGateway(self._pachd.address(purpose), UNLIMITED)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"cannot read {error.filename}: {error.strerror}") from error
        try:
            yield gateway
        except UnavailableError as error:
            raise click.ClickException(f"{error}: {self._pachd.hint()}") from error
        except PachydermError as error:
            raise click.ClickException(str(error)) from error
        finally:
            gateway.close()

    def finds_pachd(self) -> bool:
        """Whether the options or a release of the operator give an address of pachd."""
        return self._pachd.is_known

    def close(self) -> None:
        self._pachd.close()
        if self._runner is not None:
            self._runner.run(self._client.close())
            self._runner.close()
            self._runner = None

    @cached_property
    def _pachd(self) -> PachdAccess:
        return PachdAccess(self, self.pachd, self.pachd_token_file, self.pachd_ca_file)

    @cached_property
    def _client(self) -> KubeClient:
        from scriptmodel_operator.kube.client import KubeClient  # noqa: PLC0415 - see above

        first = [self._connection]
        return KubeClient(lambda: first.pop() if first else self.login(), UNLIMITED)

    @cached_property
    def _connection(self) -> kopf.ConnectionInfo:
        return self.login()

    def login(self) -> kopf.ConnectionInfo:
        """Credentials of the kubeconfig; ClickException without any."""
        from scriptmodel_operator.kube.login import LoginFailedError, login  # noqa: PLC0415 - see above

        try:
            return login(self.kubeconfig, account_first=False)
        except LoginFailedError as error:
            raise click.ClickException(str(error)) from error


async def _answer(question: Awaitable[T], seconds: float | None) -> T:
    async with asyncio.timeout(seconds):
        return await question
