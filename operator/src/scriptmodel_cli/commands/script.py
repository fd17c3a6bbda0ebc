"""The command `script`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.files import write_new
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import emit
from scriptmodel_cli.program import Command
from scriptmodel_cli.scripts import TEXT, format_option, read_script, samples_of, suffix_of
from scriptmodel_cli.session import Session
from scriptmodel_operator.engine.values import commit_of


@click.command(cls=Command)
@name_argument
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Print sample N [default: 1].")
@click.option("--all", "every", is_flag=True, help="Print all samples.")
@format_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the script to a file.")
@click.option("--force", is_flag=True, help="Overwrite the file of --out.")
@pass_session
def script(
    session: Session,
    name: str,
    sample: int | None,
    every: bool,
    form: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """Print the newest script of NAME. A short text is read from the status, all others from Pachyderm.

    \b
    Examples:
      scriptmodel script thrones | less
      scriptmodel script thrones --out new_script.fountain   # or .fdx, or .html to print
      scriptmodel script thrones --sample 2          # after spec.generation.samples: 3
    """
    if sample and every:
        raise click.UsageError("--sample and --all are mutually exclusive")
    suffix = suffix_of(form, out)
    if every and suffix != TEXT:
        raise click.UsageError(f"--all joins texts, and a file {suffix} holds one script: use --sample N")
    model = session.get(name)
    status = model.get("status") or {}
    found, where = status.get("script") or {}, (status.get("lineage") or {}).get("script")
    if not found or not where:
        raise click.ClickException(f"{name} has no script yet: see `scriptmodel why {name}`")
    content = b"\n".join(_samples(session, name, found, where, None if every else sample or 1, suffix))
    if out is None:
        emit(content.decode(errors="replace"))
    else:
        write_new(out, content, force=force)


def _samples(
    session: Session, name: str, found: Mapping[str, Any], where: str, sample: int | None, suffix: str
) -> list[bytes]:
    """Return one sample, or all. Raises InputError if the sample does not exist."""
    excerpt = str(found.get("excerpt", "")).encode()
    if sample == 1 and suffix == TEXT and len(excerpt) >= found["sizeBytes"]:
        return [excerpt]
    repo, commit = commit_of(where)
    with session.engine(f"the script of {name}") as gateway:
        paths = samples_of(gateway, repo, commit)
        if sample is not None and sample not in paths:
            known = ", ".join(map(str, paths))
            raise InputError(f"{name} has no sample {sample}: it has {known or 'none'}; raise spec.generation.samples")
        numbers = list(paths) if sample is None else [sample]
        return [read_script(gateway, repo, commit, paths[number], suffix) for number in numbers]
