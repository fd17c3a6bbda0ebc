"""`scriptmodel push`."""

from __future__ import annotations

from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.corpus import CorpusError, CorpusFile, find_corpus
from scriptmodel_cli.output import note, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.pushing import ensure_repo, megabytes
from scriptmodel_cli.pushing import push as push_files
from scriptmodel_cli.session import Session
from scriptmodel_operator.pachyderm.values import BranchRef, RepoRef

_NOTES_SHOWN = 10


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="PATH...")
@click.option("--repo", required=True, help="Repo to put them into.")
@click.option("--project", default="default", show_default=True, help="Pachyderm project of the repo.")
@click.option("--branch", default="master", show_default=True, help="Branch of the repo.")
@click.option("--create", is_flag=True, help="Make the repo if it is missing.")
@click.option("--replace", is_flag=True, help="Leave nothing that the branch had before.")
@pass_session
def push(
    session: Session, paths: tuple[Path, ...], repo: str, project: str, branch: str, create: bool, replace: bool
) -> None:
    """Put a corpus into a Pachyderm repo as one commit: all files or, after an error or Ctrl-C, none.

    PATH is a text file, or a folder whose text files are put with the folders in it. What is hidden, empty, binary or a
    link to a folder in there is left out with a note. A ScriptModel that reads the repo trains again by itself.

    \b
    Examples:
      scriptmodel push plays/ --repo plays --create
      scriptmodel push plays/ --repo plays --replace     # also forget what is not in plays/ any more
    """
    files = corpus_of(paths)
    target = BranchRef(RepoRef(project, repo), branch)
    with session.pachyderm("what you push") as gateway:
        readers = ensure_repo(gateway, target, create=create)
        commit = push_files(gateway, target, files, replace=replace)
    size = megabytes(sum(file.size for file in files))
    say([f"{len(files)} file{'s'[: len(files) != 1]}, {size}, in {target} as commit {commit.id}"])
    if readers:
        note(f"Next: {', '.join(map(str, readers))} trains on it; see `scriptmodel list -A`")
    else:
        where = f"{{name: {repo}, branch: {branch}, project: {project}}}"
        note(f"Next: write a ScriptModel with spec.corpus.repo: {where}")


def corpus_of(paths: tuple[Path, ...]) -> list[CorpusFile]:
    """The files, with a note for those left out; ClickException where they cannot be put."""
    notes: list[str] = []
    try:
        files = find_corpus(paths, notes.append)
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    for each in notes[:_NOTES_SHOWN]:
        note(each)
    if len(notes) > _NOTES_SHOWN:
        note(f"... and {len(notes) - _NOTES_SHOWN} more")
    return files
