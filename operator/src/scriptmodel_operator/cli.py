"""The command `scriptmodel-operator`."""

import asyncio
import gc
import os
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.installation.commands import before_uninstall, check
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
@click.option(
    "--log-format",
    envvar=f"{PREFIX}_LOG_FORMAT",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
@click.option(
    "--log-level",
    envvar=f"{PREFIX}_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
def run(
    pachd: PachdAddress | None, storage: StorageConfig | None, log_format: str, log_level: str, **options: Any
) -> None:
    """Run the operator until SIGTERM or SIGINT."""
    limits = {each.name: options[each.name] for each in fields(Policy) if each.name in options}
    policy = Policy(**limits, namespaced=storage is not None)
    settings = {each.name: options[each.name] for each in fields(OperatorConfig) if each.name in options}
    _run(OperatorConfig(pachd=pachd, storage=storage, policy=policy, **settings), log_format, log_level)


def _run(config: OperatorConfig, log_format: str, log_level: str) -> None:
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
    set_up(log_format, log_level)
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


main.add_command(check)
main.add_command(before_uninstall)


if __name__ == "__main__":
    main()
