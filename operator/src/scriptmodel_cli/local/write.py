"""The commands of a writer, each of which runs the trainer's command of that name."""

import os
from pathlib import Path

import click

from scriptmodel_cli.connection import PREFIX
from scriptmodel_cli.local.programs import become_trainer


def _of_trainer(name: str, summary: str) -> click.Command:
    """Return a command whose words, help and exit code are the trainer's."""

    @click.command(
        name,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        help=f"{summary}: see `scriptmodel {name} --help`.",
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:
        named = os.environ.get(f"{PREFIX}_TRAINER")
        become_trainer(name, words, Path(named) if named else None)

    return command


write = _of_trainer("write", "Write a script in the manner of a folder of plays")
voice = _of_trainer("voice", "Say whose speech each speech of a draft sounds like")
judge = _of_trainer("judge", "Judge a script beside plays")
export = _of_trainer("export", "Export a model")
base = _of_trainer("base", "List, add or remove bases")
