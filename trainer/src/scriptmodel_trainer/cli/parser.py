"""The parser of all commands, made from their records."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import scriptmodel_trainer
from scriptmodel_trainer.cli.commands import COMMANDS, Command
from scriptmodel_trainer.cli.options import add_options
from scriptmodel_trainer.errors import BadInputError, program_name

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_DESCRIPTION = """\
Train a word-level LSTM on plays or screenplays and write new scripts with it.

  scriptmodel-trainer write plays/                    # from a folder of plays to a script
  scriptmodel-trainer train --data plays/ --out model/ --minutes 10
  scriptmodel-trainer generate model/ --words 300
"""
_EXIT_CODES = """\
exit codes: 0 done, 2 bad input or usage, 3 could not write, 4 diverged (NaN), 130/143 stopped by a signal
(the state is saved: repeat the command)
"""


class _Parser(argparse.ArgumentParser):
    """Parser that reports wrong usage as bad input, and takes no option for another one that it begins."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise BadInputError(message, f"see {self.prog} --help")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Write help or version; argparse's own ignores that standard output cannot be written to."""
        (file or sys.stderr).write(message)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; wrong usage raises BadInputError."""
    program = _Parser(
        prog=program_name(),
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.add_argument("--version", action="version", version=scriptmodel_trainer.__version__)
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in COMMANDS:
        add_options(
            commands.add_parser(command.name, help=command.help, **_settings(command)),
            command.options,
            command.required,
        )
    return program


def _settings(command: Command) -> dict[str, Any]:
    """Return the settings of argparse for a command. An epilog of several lines keeps them."""
    settings = {"description": command.description, "epilog": command.epilog, **command.settings}
    if not command.epilog:
        settings["epilog"] = f"example: %(prog)s {command.example}"
    if column := settings.pop("column", None):
        settings["formatter_class"] = partial(argparse.RawDescriptionHelpFormatter, max_help_position=column)
    return settings
