"""Makes the tables of options in docs/reference/configuration.md from the commands.

Each stands between `<!-- generated: COMMAND -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from dev.generate import pages
from scriptmodel_operator.cli import main
from scriptmodel_operator.options import PREFIX


def filled(page: str) -> str:
    """Return `page` with each table as the commands are now. Raises KeyError for a command that does not exist."""
    heads = ("option", "environment variable", "default", "meaning")
    tables = {name: list(_rows(command)) for name, command in main.commands.items()}
    tables["check"] = [row for row in tables["check"] if row not in tables["run"]]
    return pages.filled(page, lambda name: pages.table(heads, tables[name]))


def _rows(command: click.Command) -> Iterator[tuple[str, ...]]:
    context = click.Context(command, info_name=command.name)
    for option in command.get_params(context):
        usage, text = option.get_help_record(context) or ("", "")
        if isinstance(option, click.Option) and "--help" not in option.opts:
            name = usage.replace("INTEGER RANGE", "N").replace("|", r"\|")
            yield f"`{name}`", f"`{_variable(option, command)}`", _default(option), _meaning(text)


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
