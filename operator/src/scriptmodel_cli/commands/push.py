"""`scriptmodel push`."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import click

from scriptmodel_cli.connection import COMPLETION_SECONDS, pass_session, session_of
from scriptmodel_cli.corpus import CorpusError, CorpusFile, find_corpus
from scriptmodel_cli.likeness import LEAST_SHARE, share_of_script
from scriptmodel_cli.output import note, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.pushing import ensure_repo, megabytes
from scriptmodel_cli.pushing import push as push_files
from scriptmodel_cli.session import Session
from scriptmodel_operator.pachyderm.values import BranchRef, RepoRef

_NOTES_SHOWN = 10


def _repos(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Repos of the project; none where Pachyderm does not answer at once."""
    session, project = session_of(context), context.params.get("project") or "default"
    found: list[str] = []

    def read() -> None:
        with suppress(click.ClickException), session.pachyderm("repos") as gateway:
            found.extend(info.ref.name for info in gateway.list_repos([project]))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(COMPLETION_SECONDS)
    return [name for name in found if name.startswith(incomplete)]


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="PATH...")
@click.option("--repo", required=True, shell_complete=_repos, help="Repo to put them into.")
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
    warn_unless_scripts(files)
    target = BranchRef(RepoRef(project, repo), branch)
    with session.pachyderm("the corpus") as gateway:
        readers = ensure_repo(gateway, target, create=create)
        commit = push_files(gateway, target, files, replace=replace)
    size = megabytes(sum(file.size for file in files))
    say([f"{len(files)} file{'s'[: len(files) != 1]}, {size}, in {target} as commit {commit.id}"])
    if readers:
        note(f"Next: {', '.join(map(str, readers))} trains on it; see `scriptmodel list -A`")
    else:
        where = f"{{name: {repo}, branch: {branch}, project: {project}}}"
        note(f"Next: write a ScriptModel with spec.corpus.repo: {where}")


def warn_unless_scripts(files: list[CorpusFile]) -> None:
    """Warn of files that do not look like scripts; they are pushed all the same, since the trainer knows more forms."""
    try:
        odd = [(file, share) for file in files if (share := share_of_script(file.head())) < LEAST_SHARE]
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    for file, share in odd[:_NOTES_SHOWN]:
        note(f"warning: {file.source} does not look like a script: {share:.0%} of its lines are speeches or headings")
    if len(odd) > _NOTES_SHOWN:
        note(f"warning: {len(odd) - _NOTES_SHOWN} more files do not look like scripts")


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
