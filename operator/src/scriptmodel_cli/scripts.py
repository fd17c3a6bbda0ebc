"""The files of a script in Pachyderm, one for each format."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import click

from scriptmodel_cli.errors import InputError
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import RepoRef

TEXT = ".txt"
_SUFFIXES = {"text": TEXT, "fountain": ".fountain", "fdx": ".fdx", "html": ".html"}
_SAMPLE = re.compile(r"/new_script(?:\.(\d+))?\.txt")
"""A sample of a script; the first one has no number."""
_MAX_SCRIPT_BYTES = 1 << 30

format_option = click.option(
    "--format",
    "form",
    type=click.Choice([*_SUFFIXES]),
    help="Format of the script [default: that of the suffix of --out, else text].",
)


def suffix_of(form: str | None, out: Path | None) -> str:
    """Return the suffix of the format that is requested, or that `out` has. Raises InputError for another suffix."""
    named = out.suffix.lower() if out else ""
    if form is None and named not in ("", *_SUFFIXES.values()):
        hint = "write .html and print it in a browser" if named == ".pdf" else "add --format"
        raise InputError(f"{out} is not named for a format ({', '.join(_SUFFIXES.values())}): {hint}")
    suffix = _SUFFIXES[form] if form else named or TEXT
    if named in _SUFFIXES.values() and named != suffix:
        raise InputError(f"{out} is not named for the format {form}: use the suffix {suffix}, or leave out --format")
    return suffix


def samples_of(gateway: Gateway, repo: RepoRef, commit: str) -> dict[int, str]:
    """Return the path of each sample of a commit by its number."""
    found = filter(None, map(_SAMPLE.fullmatch, gateway.walk_files(repo, commit)))
    return dict(sorted((int(each[1] or 1), each[0]) for each in found))


def read_script(gateway: Gateway, repo: RepoRef, commit: str, path: str, suffix: str) -> bytes:
    """Return the script whose text is at `path` of a commit, in a format. Raises ClickException if it is not there."""
    file = str(PurePosixPath(path).with_suffix(suffix))
    try:
        return gateway.read_file(repo, commit, file, _MAX_SCRIPT_BYTES)
    except NotFoundError as error:
        raise click.ClickException(
            f"{repo} has no {file}: the trainer's image is too old, or the commit is gone; "
            f"a changed spec.generation.seed writes a new script (commit {short_id(commit)})"
        ) from error


def verdict(score: Mapping[str, Any]) -> str:
    """Return the judge's two words on a script, as `form good, sense fair`."""
    return ", ".join(f"{name} {score[name]}" for name in ("form", "sense") if score.get(name))
