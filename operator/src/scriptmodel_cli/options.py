"""Arguments and options that several commands share, and their output formats."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from scriptmodel_cli.connection import ObjectName, completed
from scriptmodel_cli.errors import SuspendedError
from scriptmodel_cli.scripts import SUFFIXES
from scriptmodel_cli.text import condition, suspended
from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION

F = TypeVar("F", bound=Callable[..., Any])

format_option = click.option(
    "--format",
    "form",
    type=click.Choice([*SUFFIXES]),
    help="Format of the script [default: that of the suffix of --out, else text].",
)


def names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    group = f"/apis/{GROUP}/{VERSION}/namespaces"
    return completed(context, incomplete, lambda session: f"{group}/{session.where()}/{PLURAL}")


def name_argument(function: F) -> F:
    return click.argument("name", type=ObjectName(), shell_complete=names)(function)


def output_option(*forms: str, names: bool = True) -> Callable[[F], F]:
    """Add -o with the given formats, of which the first is the default, json, yaml and, with `names`, name."""
    choice = click.Choice([*forms, "json", "yaml", *(["name"] if names else [])])
    return click.option("-o", "--output", type=choice, default=forms[0], show_default=True, help="Output format.")


def result_options(function: F) -> F:
    """Add --out and --force, for `write_result`."""
    force = click.option("--force", is_flag=True, help="Overwrite the file of --out.")
    out = click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to a file.")
    return out(force(function))


def check_ready(found: Mapping[str, Any]) -> None:
    name, ready = found["metadata"]["name"], condition(found)
    if suspended(found):
        raise SuspendedError(f"{name} is suspended: `scriptmodel resume {name}` restarts it")
    if ready["status"] != "True":
        raise click.ClickException(f"{name} is stalled ({ready['reason']}): {ready['message']}")


def now() -> datetime:
    return datetime.now(UTC)
