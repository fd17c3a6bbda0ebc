"""`scriptmodel-operator check` and `scriptmodel-operator before-uninstall`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

# What reaches a cluster is imported by the command that does: `--help` stays quick.
if TYPE_CHECKING:
    from scriptmodel_operator.kube.client import KubeClient

PREFIX = "SCRIPTMODEL"
T = TypeVar("T")

_kubeconfig = click.option(
    "--kubeconfig",
    envvar=f"{PREFIX}_KUBECONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Without it: the pod's service account, else KUBECONFIG.",
)


@click.command()
@click.option("--pachd", envvar=f"{PREFIX}_PACHD", required=True, metavar="HOST:PORT", help="Address of pachd.")
@click.option(
    "--pachd-token-file",
    envvar=f"{PREFIX}_PACHD_TOKEN_FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the token for pachd.",
)
@click.option(
    "--pachd-ca-file",
    envvar=f"{PREFIX}_PACHD_CA_FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Certificates to trust; turns TLS on.",
)
@click.option("-n", "--namespace", default="default", show_default=True, metavar="NS", help="Where to try it.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="ScriptModel to apply as a dry run. Default: the smallest there is.",
)
@_kubeconfig
def check(
    pachd: str,
    pachd_token_file: Path | None,
    pachd_ca_file: Path | None,
    namespace: str,
    sample: Path | None,
    kubeconfig: Path | None,
) -> None:
    """Say whether the operator finds here what it needs: the CRD, an API server that takes a ScriptModel (as a dry
    run; nothing is kept), and pachd. Exit status 1 where something is missing."""
    from scriptmodel_operator.installation import check as checking  # noqa: PLC0415 - see above
    from scriptmodel_operator.pachyderm.channel import PachdAddress  # noqa: PLC0415 - see above

    try:
        target = PachdAddress(pachd, pachd_token_file, pachd_ca_file)
        model = checking.read_sample(sample) if sample else checking.SMALLEST
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except checking.NoSampleError as error:
        raise click.ClickException(str(error)) from error
    findings = _asked(kubeconfig, lambda client: checking.check_cluster(client, namespace, model))
    findings += checking.check_pachyderm(target)
    for finding in findings:
        click.echo(f"{'ok    ' if finding.good else 'FAILED'}  {finding.text}")
    if not all(finding.good for finding in findings):
        raise click.exceptions.Exit(1)


@click.command()
@click.option(
    "--policy",
    type=click.Choice(["refuse", "orphan"]),
    default="refuse",
    show_default=True,
    help="refuse: fail while there is a ScriptModel. orphan: take the operator's finalizer off each and touch "
    "nothing else.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NS",
    help="Look into this namespace only; may be repeated. Default: all.",
)
@click.option(
    "--deployment",
    metavar="NS/NAME",
    default="",
    help="With orphan: the operator's Deployment, stopped first, because an operator that runs takes objects back.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long the operator may take to end.",
)
@_kubeconfig
def before_uninstall(
    policy: str, namespaces: tuple[str, ...], deployment: str, timeout: float, kubeconfig: Path | None
) -> None:
    """Make sure that nobody waits for the operator after it has gone: a ScriptModel has a finalizer that only the
    operator removes. Exit status 1 where somebody would."""
    from scriptmodel_operator.installation import uninstall  # noqa: PLC0415 - see above

    place, _, name = deployment.partition("/")
    if deployment and not (place and name):
        raise click.BadParameter(f"{deployment!r} is not NAMESPACE/NAME", param_hint="--deployment")

    async def prepared(client: KubeClient) -> None:
        models = await uninstall.waiting(client, namespaces)
        if not models:
            click.echo("no ScriptModel is left")
            return
        if policy == "refuse":
            raise click.ClickException(uninstall.refusal(models))
        if deployment:
            await uninstall.stop(client, place, name, timeout)
        # Read again: the operator may have written until it ended.
        await uninstall.let_go(client, await uninstall.waiting(client, namespaces), click.echo)

    try:
        _asked(kubeconfig, prepared)
    except uninstall.StillRunningError as error:
        raise click.ClickException(str(error)) from error


def _asked(kubeconfig: Path | None, question: Callable[[KubeClient], Awaitable[T]]) -> T:
    from scriptmodel_operator.kube.client import KubeClient  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.errors import KubeError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.login import LoginFailedError, login  # noqa: PLC0415 - see above
    from scriptmodel_operator.leadership import UNLIMITED  # noqa: PLC0415 - see above

    async def answered() -> Any:
        client = KubeClient(lambda: login(kubeconfig), UNLIMITED)
        try:
            return await question(client)
        finally:
            await client.close()

    try:
        answer: T = asyncio.run(answered())
    except (KubeError, LoginFailedError) as error:
        raise click.ClickException(str(error)) from error
    return answer
