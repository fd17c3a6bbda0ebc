"""The command `plan`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scriptmodel_cli.changes import merged, render
from scriptmodel_cli.connection import PREFIX, ObjectName, pass_session
from scriptmodel_cli.documents import Documents, read_documents
from scriptmodel_cli.options import output_option
from scriptmodel_cli.output import say, say_value
from scriptmodel_cli.preview import preview
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session, parsed
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.api.names import DEFAULT_PROJECT
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.ingest.downloads import DownloadState
from scriptmodel_operator.ingest.source import Sourced, continued_text, corpus_files
from scriptmodel_operator.kube.errors import KubeForbiddenError

if TYPE_CHECKING:
    from scriptmodel_operator.kube.client import KubeClient

CHANGES, FAILED = 1, 2
"""Exit statuses, as of diff and kubectl diff."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_DRY = "?dryRun=All&fieldValidation=Strict"


class PlanError(click.ClickException):
    """The plan cannot be made; exit status 1 would mean that there are changes."""

    exit_code = FAILED


@click.command(cls=Command)
@click.argument("name", type=ObjectName(), required=False)
@click.option(
    "-f",
    "--filename",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True),
    help="Plan for this manifest; - for stdin.",
)
@output_option
@click.option(
    "--cluster-id",
    envvar=f"{PREFIX}_CLUSTER_ID",
    default="",
    metavar="ID",
    help="The operator's --cluster-id, if it is set [default: what the release publishes, or the uid of kube-system].",
)
@click.pass_context
@pass_session
def plan(
    session: Session,
    context: click.Context,
    name: str | None,
    file: Path | None,
    output: str,
    cluster_id: str,
) -> None:
    """Show what would change in Pachyderm if FILE were applied, or which changes of NAME are pending.

    Nothing is written: the API server validates the file in a dry run, and the operator's
    own planner computes the changes. Exit status: 0 no changes, 1 changes, 2 it would be stalled, or an error.

    \b
    Examples:
      scriptmodel plan -f thrones.yaml
      scriptmodel plan thrones || kubectl describe sm thrones
    """
    if (name is None) == (file is None):
        raise click.UsageError("give either NAME or -f FILE", context)
    try:
        found = _planned(session, name, read_documents(file) if file else None, cluster_id)
    except click.ClickException as error:
        raise PlanError(error.message) from error
    if output == "text":
        say(render(found))
    else:
        say_value(found.as_dict(), output)
    context.exit(FAILED if found.problem else CHANGES if found.changes else 0)


def _planned(session: Session, name: str | None, documents: Documents | None, cluster_id: str) -> Any:
    raw = _if_applied(session, documents.scriptmodel) if documents else session.get(str(name))
    model = parsed(raw)
    release = session.access.release
    cluster = cluster_id or (release.cluster_id if release else "") or _cluster(session)
    source, continued = _sources(session, model, documents)
    base = model.spec.model.start
    other = session.find(base.script_model, model.namespace) if base and base.script_model else None
    repos = [each for each in (model.spec.corpus.repo, base.repo if base else None) if each]
    namespaces = sorted({model.namespace, *(each.project for each in repos)} - {DEFAULT_PROJECT})
    with session.engine("the current state for the plan", namespaces=namespaces) as gateway:
        model = parsed(raw, gateway.engine())
        return preview(gateway, model, cluster, source, parsed(other) if other else None, continued)


def _cluster(session: Session) -> str:
    try:
        return session.call(lambda client: client.namespace_uid("kube-system"))
    except click.ClickException as error:
        if isinstance(error.__cause__, KubeForbiddenError):
            raise click.ClickException(f"{error.message}: give its uid as --cluster-id") from error
        raise


def _if_applied(session: Session, desired: dict[str, Any]) -> dict[str, Any]:
    name, namespace = desired["metadata"]["name"], desired["metadata"].get("namespace") or session.where()
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"
    live = session.find(name, namespace)
    if live is None:
        session.check_served()
        body = {**desired, "metadata": {**desired["metadata"], "namespace": namespace}}
        return _dry_run(session, "POST", path, body)
    last = json.loads((live["metadata"].get("annotations") or {}).get(_LAST_APPLIED, "{}"))
    metadata = merged(last.get("metadata") or {}, {**desired["metadata"], "namespace": namespace}, live["metadata"])
    body = {**live, "metadata": metadata, "spec": merged(last.get("spec") or {}, desired["spec"], live["spec"])}
    return _dry_run(session, "PUT", f"{path}/{name}", body)


def _dry_run(session: Session, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    what = f"checking {body['metadata']['name']}"
    return session.call(lambda client: client.request(method, path + _DRY, what, body))


def _sources(session: Session, model: ScriptModel, documents: Documents | None) -> tuple[Sourced, str | Problem]:
    """Return the corpus in a ConfigMap, and the text that the script continues; a plan downloads nothing."""
    given = documents.config_maps if documents else {}

    async def read(client: KubeClient) -> tuple[Sourced, str | Problem]:
        async def config_map(namespace: str, name: str) -> Mapping[str, Any]:
            try:
                return given.get(name) or client.get_config_map(namespace, name)
            except KubeForbiddenError as error:  # the user may not read it; whether the operator may is not known
                raise click.ClickException(str(error)) from error

        files = DownloadState() if model.spec.corpus.download else await corpus_files(config_map, model)
        return files, await continued_text(config_map, model)

    return session.call(lambda client: asyncio.run(read(client)))
