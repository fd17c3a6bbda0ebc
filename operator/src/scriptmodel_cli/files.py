"""Writes results into files that a user names."""

from __future__ import annotations

from pathlib import Path

import click

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.output import note

_BAD_PATH = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def write_new(out: Path, content: bytes, *, force: bool | None) -> None:
    """Write a file. Raises InputError if it exists and `force` is not set, ClickException if writing fails.

    `force` is None for a command without that option.
    """
    try:
        with out.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError as error:
        hint = "" if force is None else ", or add --force to overwrite it"
        raise InputError(f"{out} already exists: name another file{hint}") from error
    except _BAD_PATH as error:
        raise InputError(f"cannot write {out}: {error.strerror}; name a file in a writable folder") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from error
    note(f"wrote {len(content)} bytes to {out}")
