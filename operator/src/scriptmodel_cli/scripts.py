"""The files of a script in the engine, one for each format, and copies of a model and its scripts."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import click

from scriptmodel_cli.errors import InputError
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import RepoRef, commit_of, folder_of

TEXT = ".txt"
SUFFIXES = {"text": TEXT, "fountain": ".fountain", "fdx": ".fdx", "html": ".html"}
_SAMPLE = re.compile(r"/new_script(?:\.(\d+))?\.txt")
"""A sample of a script; the first one has no number."""
_MAX_SCRIPT_BYTES = 1 << 30
_WRITTEN = re.compile(r"[a-z]+-[0-9a-f]{16}\.safetensors|new_script.*")
"""Files whose names differ from commit to commit."""


def suffix_of(form: str | None, out: Path | None) -> str:
    """Return the suffix of the format that is requested, or that `out` has. Raises InputError for another suffix."""
    named = out.suffix.lower() if out else ""
    if form is None and named not in ("", *SUFFIXES.values()):
        hint = "write .html and print it in a browser" if named == ".pdf" else "add --format"
        raise InputError(f"{out} is not named for a format ({', '.join(SUFFIXES.values())}): {hint}")
    suffix = SUFFIXES[form] if form else named or TEXT
    if named in SUFFIXES.values() and named != suffix:
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


def copy_results(gateway: Gateway, lineage: Mapping[str, str], folder: Path) -> None:
    """Make `folder/model` and `folder/script` equal to the commits; files of others in them stay."""
    for kind in ("model", "script"):
        copy_result(gateway, lineage[kind], folder / kind)


def copy_result(gateway: Gateway, where: str, folder: Path) -> None:
    """Make a folder equal to a commit of status.lineage, of a search to the folder of its best run."""
    (repo, commit), above = commit_of(where), folder_of(where)
    stored_files = gateway.walk_files(repo, commit).items()
    files = {Path(path).name: (path, stored) for path, stored in stored_files if path.startswith(f"{above}/")}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (path, stored) in sorted(files.items(), key=lambda file: file[0] == "model.json"):  # it names the others
        target = folder / name
        if target.suffix == ".safetensors" and target.exists() and target.stat().st_size == stored.size:
            continue  # its digest is in its name
        part = target.with_name(f".{name}.part")
        part.write_bytes(gateway.read_file(repo, commit, path, stored.size))
        part.replace(target)
    for old in folder.iterdir():
        if old.name not in files and _WRITTEN.fullmatch(old.name):
            old.unlink()
