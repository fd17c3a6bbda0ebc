"""Writes results into files that a user names."""

from pathlib import Path

import click

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.output import note

_BAD_PATH = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def check_new(out: Path, *, force: bool | None) -> None:
    """Raise InputError if a file exists and `force` is not set, which is None for a command without that option."""
    if out.exists() and not force:
        raise _exists(out, force)


def write_new(out: Path, content: bytes, *, force: bool | None) -> None:
    """Write a file. Raises InputError as `check_new` does, ClickException if writing fails."""
    try:
        with out.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise _exists(out, force) from error
    except _BAD_PATH as error:
        raise InputError(f"cannot write {out}: {error.strerror}; name a file in a writable folder") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from error
    note(f"wrote {len(content)} bytes to {out}")


def _exists(out: Path, force: bool | None) -> InputError:
    hint = "" if force is None else ", or add --force to overwrite it"
    return InputError(f"{out} already exists: name another file{hint}")
