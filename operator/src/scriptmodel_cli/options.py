"""Arguments and options that several commands share, and the forms of output."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from scriptmodel_cli.connection import COMPLETION_SECONDS, ObjectName, session_of
from scriptmodel_operator.api.durations import parse_duration

F = TypeVar("F", bound=Callable[..., Any])


def seconds(value: str | float) -> float:
    """An option that is a time, in seconds or as Kubernetes writes it: `90`, `90s`, `1h30m`."""
    with suppress(ValueError):
        number = float(value)
        if number >= 0:
            return number
    try:
        return parse_duration(str(value)).total_seconds()
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Of the ScriptModels in the namespace; none where the cluster does not answer at once."""
    session = session_of(context)
    try:
        found = session.ask(lambda client: client.list_scriptmodels(session.where()), COMPLETION_SECONDS)
    except click.ClickException:
        return []
    finally:
        session.close()
    known = (str(each["metadata"]["name"]) for each in found)
    return [name for name in known if name.startswith(incomplete)]


def name_argument(function: F) -> F:
    """The NAME of a ScriptModel, completed from the cluster."""
    return click.argument("name", type=ObjectName(), shell_complete=names)(function)


def output_option(*forms: str) -> Callable[[F], F]:
    """-o with json, yaml, name and the given forms, of which the first is the default."""
    choice = click.Choice([*forms, "json", "yaml", "name"])
    return click.option("-o", "--output", type=choice, default=forms[0], show_default=True, help="Form of the output.")


def now() -> datetime:
    return datetime.now(UTC)
