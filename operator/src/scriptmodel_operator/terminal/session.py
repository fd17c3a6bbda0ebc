"""How the command reaches the cluster and Pachyderm. Errors are one line that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from scriptmodel_operator.api.identity import PLURAL
from scriptmodel_operator.api.objects import ScriptModel, parse_object
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError, KubeNotFoundError
from scriptmodel_operator.kube.login import LoginFailedError, login
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.errors import PachydermError

T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """What the options of all commands say."""

    kubeconfig: Path | None
    namespace: str
    pachd: str
    token_file: Path | None = None
    ca_file: Path | None = None

    def ask(self, question: Callable[[KubeClient], Awaitable[T]]) -> T:
        """The answer of the API server; ClickException where there is none."""

        async def asked() -> T:
            client = KubeClient(lambda: login(self.kubeconfig))
            try:
                return await question(client)
            finally:
                await client.close()

        try:
            return asyncio.run(asked())
        except (KubeError, LoginFailedError) as error:
            raise click.ClickException(str(error)) from error

    def where(self) -> str:
        """The namespace: the option's, else the kubeconfig's, else `default`."""
        if self.namespace:
            return self.namespace
        try:
            return login(self.kubeconfig).default_namespace or "default"
        except LoginFailedError as error:
            raise click.ClickException(str(error)) from error

    def get(self, name: str) -> dict[str, Any]:
        namespace = self.where()

        async def question(client: KubeClient) -> dict[str, Any]:
            try:
                return await client.get_scriptmodel(namespace, name)
            except KubeNotFoundError as error:
                text = f"there is no ScriptModel {name!r} in namespace {namespace!r}: see `scriptmodel list -A`"
                raise click.ClickException(text) from error

        return self.ask(question)

    def patch(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.get(name)  # for its message where there is none
        return self.ask(lambda client: client.patch_scriptmodel(self.where(), name, patch))

    def events(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        """Of one object; none where they may not be read."""
        namespace, uid = found["metadata"]["namespace"], found["metadata"]["uid"]
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events?fieldSelector=regarding.uid={uid}"
        try:
            listed = self.ask(lambda client: client.request("GET", path, f"listing events of {PLURAL}"))
        except click.ClickException as error:
            click.echo(f"events: {error.message}", err=True)
            return []
        return list(listed.get("items", []))

    def model(self, name: str) -> ScriptModel:
        return parse_object(self.get(name))

    @contextmanager
    def pachyderm(self, purpose: str) -> Iterator[PachydermGateway]:
        """For what only Pachyderm has."""
        if not self.pachd:
            raise click.ClickException(f"{purpose} is in Pachyderm: name its address with --pachd or SCRIPTMODEL_PACHD")
        gateway = PachydermGateway(PachdAddress(self.pachd, self.token_file, self.ca_file))
        try:
            yield gateway
        except PachydermError as error:
            raise click.ClickException(str(error)) from error
        finally:
            gateway.close()
