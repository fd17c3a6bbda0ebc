"""Builds the program `scriptmodel`: commands imported when called, help by sections, one-line errors."""

import errno
import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from scriptmodel_cli.connection import connection_options
from scriptmodel_cli.output import note
from scriptmodel_cli.text import did_you_mean

INTERRUPTED = 130
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a standard output that is full; click reports a closed pipe only."""
Sections = Mapping[str, Mapping[str, tuple[str, str]]]
"""Sections of the help: by title and command name, the `module:attribute` of the command, or of what makes it of name
and description, and the description."""


class Command(click.Command):
    """A command that accepts the connection options after its name too, as kubectl does."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        *own, helper = super().get_params(ctx)
        return [*own, *connection_options(), helper]


class Program(Command, click.Group):
    """A group whose commands are listed in a table."""

    command_class = Command

    def __init__(self, *args: Any, sections: Sections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections = sections
        self._entries = {name: entry for section in sections.values() for name, entry in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - fixed by click
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - fixed by click
        if cmd_name not in self._entries:
            return None
        place, summary = self._entries[cmd_name]
        module, _, attribute = place.partition(":")
        gc.disable()  # it would find nothing, and takes a tenth of the start of a command that imports much
        try:
            found = getattr(import_module(module), attribute)
        finally:
            gc.enable()
        command: click.Command = found if isinstance(found, click.Command) else found(cmd_name, summary)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; the error for an unknown one suggests the closest name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"unknown command {args[0]!r}{did_you_mean(args[0], self._entries)}")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, doc) for name, (_place, doc) in section.items()], col_max=12)
        click.Command.format_options(self, ctx, formatter)  # a group would load each command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        entries = self._entries.items()
        names = [CompletionItem(name, help=doc) for name, (_place, doc) in entries if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program. Errors are one line, an interrupt prints nothing, and a call without a command its help."""
        if Path(sys.argv[0]).name == "kubectl-scriptmodel":
            extra.setdefault("prog_name", "kubectl scriptmodel")
        if not extra.setdefault("standalone_mode", True):
            return super().main(*args, **extra)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")  # a bar on a terminal that knows no Unicode
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            note(f"Error: {_one_line(error)}")
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno not in _WRITE_ERRORS:
                raise
            # What Python still holds goes nowhere, so that its own flush at exit does not fail too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            note(f"Error: write error: {error.strerror}")
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)


def _one_line(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{text.rstrip('.')}: see {error.ctx.command_path} -h"
    return text
