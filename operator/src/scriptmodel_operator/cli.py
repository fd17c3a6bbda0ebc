"""The command `scriptmodel-operator`."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.installation.commands import before_uninstall, check, clean_checkpoints
from scriptmodel_operator.options import PREFIX, kubeconfig_option, pachd_ca_option, pachd_option, pachd_token_option
from scriptmodel_operator.pachyderm.channel import PachdAddress

Command = TypeVar("Command", bound=Callable[..., Any])
_DEFAULTS = {each.name: each.default for each in fields(OperatorConfig) if each.default is not MISSING}


def _option(name: str, *others: str, **settings: Any) -> Callable[[Command], Command]:
    """Return an option that an environment variable of its name sets, too, with the default of the configuration."""
    field = name.partition("/")[0].removeprefix("--").replace("-", "_")
    if field in _DEFAULTS:
        settings["default"] = _DEFAULTS[field]
    shown = settings.get("default") not in (None, "")
    return click.option(name, *others, envvar=f"{PREFIX}_{field.upper()}", show_default=shown, **settings)


def _allow(name: str, field: str, values: str, help_text: str) -> Callable[[Command], Command]:
    """Return an option of the policy, which may be repeated."""
    by_namespace = _by_namespace if values.startswith("NS=") else None
    return _option(name, field, multiple=True, metavar=values, help=help_text, callback=by_namespace)


def _by_namespace(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> Any:
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        namespace, separator, name = pair.partition("=")
        if not separator or not namespace or not name:
            raise click.BadParameter(f"{pair!r} is not NAMESPACE=NAME")
        found[namespace] = (*found.get(namespace, ()), name)
    return found


@click.group(context_settings={"auto_envvar_prefix": PREFIX, "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scriptmodel-operator", prog_name="scriptmodel-operator")
def main() -> None:
    """Keep Pachyderm pipelines in sync with ScriptModel objects."""


@main.command()
@pachd_option
@_option(
    "--trainer-image",
    required=True,
    metavar="IMAGE",
    help="Trainer image for ScriptModels without spec.training.image.",
)
@_option(
    "--checkpoint-claim",
    metavar="NAME",
    help="Keep checkpoints of trainings on this PersistentVolumeClaim in Pachyderm's namespace. [default: none, so a "
    "lost worker starts over]",
)
@kubeconfig_option
@_option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NS",
    help="Watch this namespace only; may be repeated. [default: all]",
)
@_option(
    "--poll-interval",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Time between two polls of Pachyderm.",
)
@_option(
    "--source-interval",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Time between two polls of a ConfigMap that a ScriptModel names, or of a base model that is followed.",
)
@_option(
    "--workers",
    type=click.IntRange(min=1, max=4096),
    help="Number of objects that are reconciled at a time; most of them wait for a shared poll of Pachyderm.",
)
@_option(
    "--cluster-id",
    help="Distinguish clusters that share a pachd. [default: the uid of the namespace kube-system]",
)
@pachd_token_option
@pachd_ca_option
@_allow(
    "--allow-image",
    "images",
    "PREFIX",
    "Allow this image prefix in training.image besides tags of the trainer image; * for any.",
)
@_allow("--allow-priority-class", "priority_classes", "NAME", "Allow this priority class; * for any.")
@_allow("--allow-runtime-class", "runtime_classes", "NAME", "Allow this runtime class; * for any.")
@_allow("--allow-queue", "queues", "NAME", "Allow this queue of Kueue in training.queueName; * for any.")
@_option(
    "--worker-namespace",
    metavar="NS",
    help="Namespace of Pachyderm's pods, to list those that wait in a queue. [default: infer it from the job]",
)
@_allow(
    "--allow-pull-secret",
    "pull_secrets",
    "NAME",
    "Allow this Secret of Pachyderm's namespace in training.imagePullSecrets; * for any.",
)
@_allow(
    "--allow-checkpoint-claim",
    "checkpoint_claims",
    "NS=CLAIM",
    "Allow a namespace to name this claim in training.checkpoints.claimName; * for any.",
)
@_allow(
    "--allow-project",
    "projects",
    "NS=PROJECT",
    "Allow a namespace to use this Pachyderm project; * for any. [default: the project of the object]",
)
@_allow(
    "--allow-repo",
    "repos",
    "NS=REPO",
    "Allow a namespace to read this repo as corpus or base model, such as plays-*. [default: any of its projects]",
)
@_allow(
    "--allow-download",
    "downloads",
    "HOST",
    "Allow URLs of this host in corpus.http.urls; * for any. [default: none]",
)
@_option(
    "--download-timeout",
    type=click.FloatRange(min=0, min_open=True, max=1200),
    metavar="SECONDS",
    help="Longest time that Pachyderm may take to fetch one file of a corpus by URL.",
)
@_option(
    "--leader-elect/--no-leader-elect",
    help="Act only while holding the Lease scriptmodel-operator; required for more than one replica.",
)
@_option(
    "--lease-namespace",
    metavar="NS",
    help="Namespace of that Lease. [default: the pod's own]",
)
@_option(
    "--health-listen",
    metavar="[HOST]:PORT",
    help="Serve /healthz, /readyz and /metrics on this address. [default: serve nothing]",
)
@_option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
)
@_option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
)
def run(
    pachd: str,
    pachd_token_file: Path | None,
    pachd_ca_file: Path | None,
    log_format: str,
    log_level: str,
    **options: Any,
) -> None:
    """Run the operator until SIGTERM or SIGINT."""
    try:
        target = PachdAddress(pachd, pachd_token_file, pachd_ca_file)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    policy = Policy(**{each.name: options[each.name] for each in fields(Policy)})
    settings = {each.name: options[each.name] for each in fields(OperatorConfig) if each.name in options}
    _run(OperatorConfig(pachd=target, policy=policy, **settings), log_format, log_level)


def _run(config: OperatorConfig, log_format: str, log_level: str) -> None:
    gc.disable()
    # Only this command imports kopf, so that `--help` stays fast.
    from scriptmodel_operator import app, logs  # noqa: PLC0415 - see above
    from scriptmodel_operator.health import ListenError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.errors import KubeError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.leader import LeadershipLostError  # noqa: PLC0415 - see above
    from scriptmodel_operator.kube.login import LoginFailedError  # noqa: PLC0415 - see above

    # The garbage collector skips the objects that exist by now, and seldom scans the long lists of values that follow.
    # A thread that reads such a list yields to others after a millisecond instead of five.
    gc.freeze()
    gc.enable()
    gc.set_threshold(*gc.get_threshold()[:2], 50)
    sys.setswitchinterval(0.001)
    logs.set_up(log_format, log_level)
    try:
        asyncio.run(app.run(config))
    except (LoginFailedError, KubeError, ListenError, LeadershipLostError) as error:
        raise click.ClickException(str(error)) from error


main.add_command(check)
main.add_command(before_uninstall)
main.add_command(clean_checkpoints)


if __name__ == "__main__":
    main()
