"""The commands of a writer, each of which runs the trainer's command of that name."""

import os
from pathlib import Path

import click

from scriptmodel_cli.connection import PREFIX
from scriptmodel_cli.local.programs import become_trainer


def command_of(name: str, summary: str) -> click.Command:
    """Return a command whose words, help and exit code are the trainer's."""

    @click.command(
        name,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        help=f"{summary.rstrip('.')}: see `scriptmodel {name} --help`.",
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:
        named = os.environ.get(f"{PREFIX}_TRAINER")
        become_trainer(name, words, Path(named) if named else None)

    return command
