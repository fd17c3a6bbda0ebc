"""The command `scriptmodel-operator`."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.options import PREFIX, engine_options, kubeconfig_option, options_of
from scriptmodel_operator.pachyderm.channel import PachdAddress


@click.group(context_settings={"auto_envvar_prefix": PREFIX, "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scriptmodel-operator", prog_name="scriptmodel-operator")
def main() -> None:
    """Keep Pachyderm pipelines in sync with ScriptModel objects."""


@main.command()
@engine_options
@kubeconfig_option
@options_of(OperatorConfig)
@options_of(Policy)
def run(pachd: PachdAddress | None, storage: StorageConfig | None, **options: Any) -> None:
    """Run the operator until SIGTERM or SIGINT."""
    limits = {each.name: options[each.name] for each in fields(Policy) if each.name in options}
    policy = Policy(**limits, namespaced=storage is not None)
    settings = {each.name: options[each.name] for each in fields(OperatorConfig) if each.name in options}
    _run(OperatorConfig(pachd=pachd, storage=storage, policy=policy, **settings))


def _run(config: OperatorConfig) -> None:
    gc.disable()
    # Only this command imports kopf, so that `--help` stays fast.
    from scriptmodel_operator import app  # noqa: PLC0415 - see above
    from scriptmodel_operator.health import ListenError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.errors import KubeError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.leader import LeadershipLostError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.login import LoginFailedError  # noqa: PLC0415 - see above
    from scriptmodel_operator.log_format import set_up  # noqa: PLC0415 - see above

    # The garbage collector skips the objects that exist by now, and seldom scans the long lists of values that follow.
    # A thread that reads such a list yields to others after a millisecond instead of five.
    gc.freeze()
    gc.enable()
    gc.set_threshold(*gc.get_threshold()[:2], 50)
    sys.setswitchinterval(0.001)
    set_up(config.log_format, config.log_level)
    reported: list[Exception] = []
    try:
        asyncio.run(app.run(config))
    except* (LoginFailedError, KubeError, ListenError, LeadershipLostError) as errors:
        reported += errors.exceptions
    if reported:
        raise click.ClickException(str(reported[0]))


@main.command(hidden=True)
@click.argument("document", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("folder", default="/tmp", type=click.Path(path_type=Path, file_okay=False, exists=True))  # noqa: S108 - the pod's own
def fetch(document: Path, folder: Path) -> None:
    """Fetch the files of a corpus from web servers or a bucket into ours, as the pod of a download does."""
    from scriptmodel_operator.jobs import fetcher, user_bucket  # noqa: PLC0415 - see above

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the first process of a pod ignores it otherwise
    try:
        given = fetcher.FetchDocument.parse(document.read_text())
        if given.bucket:
            errors = asyncio.run(user_bucket.fetch(given, given.bucket, folder, click.echo, os.environ))
        else:
            errors = asyncio.run(fetcher.fetch(given, folder, click.echo))
    except fetcher.StoreError as error:
        raise click.ClickException(str(error)) from error
    if errors:
        raise click.ClickException("; ".join(f"cannot fetch {path}: {text}" for path, text in errors.items()))


@main.command()
@engine_options
@click.option("-n", "--namespace", default="default", show_default=True, metavar="NS", help="Namespace of the dry run.")
@kubeconfig_option
def check(pachd: PachdAddress | None, storage: StorageConfig | None, namespace: str, kubeconfig: Path | None) -> None:
    """Check the operator's requirements: the CRD, an API server that accepts a ScriptModel in a dry run, and pachd or
    the bucket. Exit with status 1 if one is missing."""
    from scriptmodel_operator import installation  # noqa: PLC0415 - see above

    with _one_line_errors():
        findings = [*installation.reported(installation.check_cluster(installation.client_of(kubeconfig), namespace))]
    if pachd:
        hint = "--pachd, --pachd-token-file, --pachd-ca-file"
        findings += installation.reported(installation.check_pachyderm(pachd), hint)
    if storage:
        hint = "--storage, --storage-endpoint, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
        findings += installation.reported(installation.check_bucket(storage), hint)
    click.echo("\n".join(findings))
    if any(each.startswith(installation.FAILED) for each in findings):
        raise click.exceptions.Exit(1)


@main.command()
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NS",
    help="Check this namespace only; may be repeated. [default: all]",
)
@kubeconfig_option
def before_uninstall(namespaces: tuple[str, ...], kubeconfig: Path | None) -> None:
    """Make sure that no ScriptModel waits for the operator after its removal: only the operator removes their
    finalizer. Exit with status 1 if one would."""
    from scriptmodel_operator import installation  # noqa: PLC0415 - see above

    with _one_line_errors():
        if models := installation.list_models(installation.client_of(kubeconfig), namespaces):
            raise click.ClickException(installation.refusal(models, namespaces))
    click.echo("no ScriptModel exists")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    from scriptmodel_operator.kube.errors import KubeError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.login import LoginFailedError  # noqa: PLC0415 - see above

    try:
        yield
    except (KubeError, LoginFailedError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
