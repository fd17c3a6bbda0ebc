"""`scriptmodel-operator check` and `before-uninstall`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from scriptmodel_operator.options import engine_options, kubeconfig_option

# Each command imports the client of the cluster itself, so that `--help` stays fast.
if TYPE_CHECKING:
    from scriptmodel_operator.jobs.storage import StorageConfig
    from scriptmodel_operator.kube.client import KubeClient
    from scriptmodel_operator.pachyderm.channel import PachdAddress

T = TypeVar("T")


@click.command()
@engine_options
@click.option("-n", "--namespace", default="default", show_default=True, metavar="NS", help="Namespace of the dry run.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with a ScriptModel to apply as a dry run. [default: a minimal one]",
)
@click.option(
    "--checkpoint-claim",
    metavar="NS/NAME",
    default="",
    help="Check this PersistentVolumeClaim for checkpoints, too; NS is the namespace of Pachyderm's pods.",
)
@kubeconfig_option
def check(
    pachd: PachdAddress | None,
    storage: StorageConfig | None,
    namespace: str,
    sample: Path | None,
    checkpoint_claim: str,
    kubeconfig: Path | None,
) -> None:
    """Check the operator's requirements: the CRD, an API server that accepts a ScriptModel in a dry run, and pachd or
    the bucket. Exit with status 1 if one is missing."""
    from scriptmodel_operator.installation import check as checking  # noqa: PLC0415 - see above

    place, claim = _place(checkpoint_claim, "--checkpoint-claim")
    try:
        model = checking.read_sample(sample) if sample else checking.SMALLEST
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    findings = _request(kubeconfig, lambda client: checking.check_cluster(client, namespace, model))
    if claim:
        findings.append(_request(kubeconfig, lambda client: checking.check_claim(client, place, claim)))
    findings += checking.check_pachyderm(pachd) if pachd else ()
    findings += checking.check_bucket(storage) if storage else ()
    for finding in findings:
        click.echo(finding.line)
    if not all(finding.good for finding in findings):
        raise click.exceptions.Exit(1)


@click.command()
@click.option(
    "--policy",
    type=click.Choice(["refuse", "orphan"]),
    default="refuse",
    show_default=True,
    help="refuse: fail while a ScriptModel exists. orphan: remove the operator's finalizer from each and touch "
    "nothing else.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NS",
    help="Check this namespace only; may be repeated. [default: all]",
)
@click.option(
    "--deployment",
    metavar="NS/NAME",
    default="",
    help="With orphan: stop the operator's Deployment first; a running operator would add finalizers again.",
)
@click.option(
    "--let-go",
    metavar="COMMAND",
    default="",
    help="With refuse: print this command as the one that lets go of them. [default: this one with orphan]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for the operator to end.",
)
@kubeconfig_option
def before_uninstall(
    policy: str, namespaces: tuple[str, ...], deployment: str, let_go: str, timeout: float, kubeconfig: Path | None
) -> None:
    """Make sure that no ScriptModel waits for the operator after its removal: only the operator removes their
    finalizer. Exit with status 1 if one would."""
    from scriptmodel_operator.installation import uninstall  # noqa: PLC0415 - see above

    place, name = _place(deployment, "--deployment")

    def prepared(client: KubeClient) -> None:
        models = uninstall.list_models(client, namespaces)
        if not models:
            click.echo("no ScriptModel exists")
            return
        if policy == "refuse":
            raise click.ClickException(uninstall.refusal(models, namespaces, let_go))
        if deployment:
            uninstall.stop(client, place, name, timeout)
        # Read again: the operator may have changed them until it ended.
        uninstall.let_go(client, uninstall.list_models(client, namespaces), click.echo)

    try:
        _request(kubeconfig, prepared)
    except TimeoutError as error:
        raise click.ClickException(str(error)) from error


def _place(text: str, option: str) -> tuple[str, str]:
    """Split NAMESPACE/NAME; both are empty if `text` is."""
    place, _, name = text.partition("/")
    if text and not (place and name):
        raise click.BadParameter(f"{text!r} is not NAMESPACE/NAME", param_hint=option)
    return place, name


def _request(kubeconfig: Path | None, request: Callable[[KubeClient], T]) -> T:
    from scriptmodel_operator.kube.client import KubeClient  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.errors import KubeError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.login import Credentials, LoginFailedError, login  # noqa: PLC0415 - see above

    try:
        return request(KubeClient(Credentials(lambda: login(kubeconfig))))
    except (KubeError, LoginFailedError) as error:
        raise click.ClickException(str(error)) from error
