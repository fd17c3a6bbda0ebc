"""Makes the tables of options in docs/reference/configuration.md from the commands, with who would miss each option.

Each stands between `<!-- generated: COMMAND -->` and `<!-- end -->`. An option without an entry below is an error: one
that nobody would miss goes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import click

from dev.generate import pages
from scriptmodel_operator.cli import main
from scriptmodel_operator.options import PREFIX

_TENANTS = "who runs it for people that are not allowed everything"
_PERSONS = {
    "pachd": "who has a Pachyderm: it is the server",
    "pachd_token_file": "whose pachd has authentication",
    "pachd_ca_file": "whose pachd has TLS",
    "storage": "who has none: it is the bucket",
    "storage_endpoint": "whose bucket is not of AWS",
    "storage_public_url": "whose people reach the bucket by another address than pods",
    "storage_region": "whose bucket is in another region",
    "storage_egress": "whose runs may reach nothing but the bucket",
    "url_lifetime": "whose URLs must not last for a week",
    "kubeconfig": "who runs it outside the cluster",
    "trainer_image": "everyone: it is the image",
    "checkpoint_claim": "whose workers are lost",
    "namespaces": "who has rights in some namespaces only",
    "poll_interval": "who has thousands of objects",
    "source_interval": "who edits a corpus in a ConfigMap",
    "workers": "whose API server or pachd is slow",
    "cluster_id": "whose clusters share a pachd",
    "worker_namespace": "who has queues of Kueue",
    **dict.fromkeys(("run_cpu", "run_memory"), "whose ScriptModels set no resources"),
    "operator_image": "who has corpora by URL in a bucket",
    "operator_pod": "whose registry or nodes need it",
    "run_labels": "who charges costs by label",
    "download_timeout": "whose web server is slow",
    "leader_elect": "who runs replicas",
    "lease_namespace": "who runs replicas outside the cluster",
    "health_listen": "who has probes or Prometheus",
    **dict.fromkeys(("images", "priority_classes", "runtime_classes", "queues", "pull_secrets"), _TENANTS),
    **dict.fromkeys(("checkpoint_claims", "projects", "repos", "downloads"), _TENANTS),
    "log_format": "who collects logs",
    "log_level": "who looks for a cause",
    "namespace": "who runs it in another namespace",
    "sample": "`helm test`",
    "policy": "who keeps the pipelines",
    "deployment": "`helm uninstall`",
    "let_go": "`helm uninstall`",
    "timeout": "whose operator takes long to end",
    "older_than": "everyone: it is the age",
}
"""Who would miss an option, by the name of its parameter."""


def filled(page: str) -> str:
    """Return `page` with each table as the commands are now. Raises KeyError for a command that does not exist."""
    heads = ("option", "environment variable", "default", "meaning", "who would miss it")
    return pages.filled(page, lambda name: pages.table(heads, _rows(main.commands[name])))


def _rows(command: click.Command) -> Iterator[tuple[str, ...]]:
    context = click.Context(command, info_name=command.name)
    for option in command.get_params(context):
        usage, text = option.get_help_record(context) or ("", "")
        if isinstance(option, click.Option) and "--help" not in option.opts:
            name = usage.replace("INTEGER RANGE", "N").replace("|", r"\|")
            person = _PERSONS.get(option.name or "") or sys.exit(f"{option.name}: who would miss it? See {__file__}")
            yield f"`{name}`", f"`{_variable(option, command)}`", _default(option), _meaning(text), person


def _variable(option: click.Option, command: click.Command) -> str:
    if isinstance(option.envvar, str):
        return option.envvar
    return f"{PREFIX}_{command.name}_{option.name}".replace("-", "_").upper()


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    plain = isinstance(option.default, int | float | str) and not option.is_flag
    return f"`{option.default}`" if plain and option.default else ""


def _meaning(text: str) -> str:
    return re.sub(r"\s*\[[^\[\]]*(default|required|x>=|<=x)[^\[\]]*\]$", "", " ".join(text.split())).replace("|", r"\|")
