"""The command `write`: runs the trainer's command of that name."""

from __future__ import annotations

import os
from pathlib import Path

import click

from scriptmodel_cli.connection import PREFIX
from scriptmodel_cli.local.programs import TRAINER, find_trainer


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def write(words: tuple[str, ...]) -> None:
    """Write a script in the manner of a folder of plays: see `scriptmodel write --help`."""
    named = os.environ.get(f"{PREFIX}_TRAINER")
    program = find_trainer(Path(named) if named else None) / "bin" / TRAINER
    environment = {**os.environ, f"{PREFIX}_PROGRAM": "scriptmodel"}  # how the next command is spelled
    # The trainer replaces this process: terminal, signals and exit code are its own.
    os.execve(program, [str(program), "write", *words], environment)  # noqa: S606 - the person's own words, no shell
