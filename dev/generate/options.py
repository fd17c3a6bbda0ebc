"""Makes the tables of options in docs/reference/configuration.md from the commands.

Each stands between `<!-- generated: COMMAND -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from scriptmodel_operator.cli import main

_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return `page` with each table as the commands are now. Raises KeyError for a command that does not exist."""
    return _BLOCK.sub(lambda found: found[1] + table(main.commands[found[2]]) + found[3], page)


def table(command: click.Command) -> str:
    """Return the options of `command` as a Markdown table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in _rows(command))


def _rows(command: click.Command) -> Iterator[tuple[str, ...]]:
    yield "option", "environment variable", "default", "meaning"
    yield ("---",) * 4
    context = click.Context(command, info_name=command.name, parent=click.Context(main, auto_envvar_prefix=_prefix()))
    for option in command.get_params(context):
        usage, text = option.get_help_record(context) or ("", "")
        if isinstance(option, click.Option) and "--help" not in option.opts:
            name = usage.replace("INTEGER RANGE", "N").replace("|", r"\|")
            yield f"`{name}`", f"`{_variable(option, context)}`", _default(option), _meaning(text)


def _prefix() -> str | None:
    return main.context_settings.get("auto_envvar_prefix")


def _variable(option: click.Option, context: click.Context) -> str:
    if isinstance(option.envvar, str):
        return option.envvar
    return f"{context.auto_envvar_prefix}_{(option.name or '').upper()}"


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    plain = isinstance(option.default, int | float | str) and not option.is_flag
    return f"`{option.default}`" if plain and option.default else ""


def _meaning(text: str) -> str:
    return re.sub(r"\s*\[[^\[\]]*(default|required|x>=|<=x)[^\[\]]*\]$", "", " ".join(text.split())).replace("|", r"\|")
