"""Arguments and options that several commands share, and their output formats."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from scriptmodel_cli.connection import ObjectName
from scriptmodel_cli.errors import SuspendedError
from scriptmodel_cli.scripts import SUFFIXES
from scriptmodel_cli.text import condition, suspended

F = TypeVar("F", bound=Callable[..., Any])

format_option = click.option(
    "--format",
    "form",
    type=click.Choice([*SUFFIXES]),
    help="Format of the script [default: that of the suffix of --out, else text].",
)


name_argument = click.argument("name", type=ObjectName())
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Format."
)


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
