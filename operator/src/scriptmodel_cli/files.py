"""Writes results into files that a user names."""

from __future__ import annotations

from pathlib import Path

import click

from scriptmodel_cli.output import note


class UsageError(click.ClickException):
    """The command line asks for what cannot be had."""

    exit_code = 2


def write_new(out: Path, content: bytes, *, force: bool | None) -> None:
    """Write a file; UsageError where it exists and `force` is not given, ClickException where it cannot be written.

    `force` is None where the command has no such option.
    """
    try:
        with out.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError as error:
        hint = "" if force is None else ", or add --force to overwrite it"
        raise UsageError(f"{out} exists already: name another file{hint}") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from error
    note(f"{len(content)} bytes in {out}")
