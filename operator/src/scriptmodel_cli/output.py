"""Writes everything that the command prints.

Texts of a corpus, a log or a status are untrusted, so control characters are escaped (`\\x1b`), except the colours of
`style`, which carry a random key of this process.
"""

import json
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from click.globals import resolve_color_default

from scriptmodel_cli.errors import InputError
from scriptmodel_operator.api.safe_text import CONTROLS

_BAD_PATH = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
# Digits, so that click.unstyle recognises a keyed colour.
_KEY = str(secrets.randbits(64))
_COLOUR = re.compile(rf"\x1b\[{_KEY};([0-9;]*m)")


def style(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    """Colour a text for a terminal; colours are dropped if the output is not a terminal."""
    return click.style(text, fg=fg, bold=bold).replace("\x1b[", f"\x1b[{_KEY};")


def escaped(text: str) -> str:
    """Show control characters other than tab and line feed as Python writes them; keep the colours of `style`."""
    parts = _COLOUR.split(text)
    parts[::2] = [CONTROLS.sub(_escape, part) for part in parts[::2]]
    parts[1::2] = [f"\x1b[{_KEY};{codes}" for codes in parts[1::2]]
    return "".join(parts)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _write(text: str, *, err: bool = False, nl: bool = True) -> None:
    """`text` is escaped already."""
    click.echo(_COLOUR.sub("\x1b[\\1", text), err=err, nl=nl)


def say(lines: Sequence[str]) -> None:
    _write(escaped("\n".join(lines)))


def note(text: str) -> None:
    """Write one line to stderr, for what is not the command's result."""
    _write(escaped(text).replace("\n", "\\n"), err=True)


def draw(line: str, *, err: bool) -> None:
    """Overwrite the line of a terminal."""
    text = escaped(line)
    if resolve_color_default() is False:
        text = click.unstyle(text)
    click.echo("\r\x1b[K" + _COLOUR.sub("\x1b[\\1", text), err=err, color=True, nl=False)


def emit(text: str) -> None:
    """Write a result to stdout unchanged; escaped if stdout is a terminal."""
    if is_terminal():
        _write(escaped(text), nl=False)
    else:
        click.echo(text.encode(errors="replace"), nl=False)


def is_terminal() -> bool:
    return sys.stdout.isatty()


def say_value(value: Any, form: str) -> None:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True) if form == "yaml" else json.dumps(value, indent=2)
    emit(text.rstrip("\n") + "\n")


def write_result(content: bytes, out: Path | None, *, force: bool | None) -> None:
    """Write a result to stdout, or to a file as `write_new` does."""
    if out is None:
        emit(content.decode(errors="replace"))
    else:
        write_new(out, content, force=force)


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
