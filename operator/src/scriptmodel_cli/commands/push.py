"""The command `push`."""

from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.corpus import find_corpus
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.options import output_option
from scriptmodel_cli.output import note, say, say_value
from scriptmodel_cli.program import Command
from scriptmodel_cli.pushing import ensure_repo, megabytes, newest
from scriptmodel_cli.pushing import push as push_files
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.corpus import CorpusRepo
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.values import BranchRef, RepoRef


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="PATH...")
@click.option("--repo", required=True, help="Repo to upload to.")
@click.option(
    "--project", default="default", show_default=True, help="Pachyderm project of the repo; with Jobs a namespace."
)
@click.option("--branch", default="master", show_default=True, help="Branch of the repo.")
@click.option("--create", is_flag=True, help="Create project and repo if needed, and let the namespace read it.")
@click.option("--replace", is_flag=True, help="Remove the files that the branch had before.")
@output_option
@pass_session
def push(
    session: Session,
    paths: tuple[Path, ...],
    repo: str,
    project: str,
    branch: str,
    create: bool,
    replace: bool,
    output: str,
) -> None:
    """Upload a corpus to a Pachyderm repo as one commit: all files or, after an error or Ctrl-C, none.

    PATH is a text or a document (.docx, .odt), or a folder of them, uploaded with its subfolders, bases/ with the
    weights of its bases. Hidden, empty and other binary files, and links to folders or out of it, are skipped with a
    note. A ScriptModel that reads the repo trains again automatically.

    ScriptModels read only repos whose description names their namespace: --create adds the one of --namespace.

    \b
    Examples:
      scriptmodel push plays/ --repo plays --create
      scriptmodel push plays/ --repo plays --replace     # also remove files that are not in plays/
    """
    target = _target(session.project(project), repo, branch)
    files = find_corpus(paths, note)
    namespace = _reader(session) if create else ""
    with session.engine("the repo to push to", [target.repo.project]) as gateway:
        readers = ensure_repo(gateway, target, create_for=namespace)
        before = newest(gateway, target)
        commit = push_files(gateway, target, files, replace=replace)
    size, new = sum(file.size for file in files), commit.id != before
    if output != "text":
        found = {"repo": str(target.repo), "branch": branch, "commit": commit.id, "new": new}
        say_value({**found, "files": len(files), "bytes": size}, output)
        return
    what = f"{len(files)} file{'s'[: len(files) != 1]} ({megabytes(size)})"
    if not new:
        say([f"nothing changed: {target} has {what} already, in commit {short_id(commit.id)}"])
        return
    say([f"pushed {what} to {target} as commit {short_id(commit.id)}"])
    if readers:
        verb = "trains" if len(readers) == 1 else "train"
        note(f"Next: {', '.join(map(str, readers))} {verb} on it: see `scriptmodel list`")
    else:
        usual = {"branch": "master", "project": "default"}
        fields = {"name": repo, "branch": branch, "project": project}
        where = ", ".join(f"{name}: {value}" for name, value in fields.items() if usual.get(name) != value)
        note(f"Next: write a ScriptModel with spec.corpus.repo: {{{where}}}")


def _reader(session: Session) -> str:
    try:
        return session.where()
    except click.ClickException as error:
        raise InputError(f"the namespace that is to read the repo is unknown: set --namespace ({error})") from error


def _target(project: str, repo: str, branch: str) -> BranchRef:
    for option, name in (("repo", repo), ("branch", branch), ("project", project)):
        field = "name" if option == "repo" else option
        try:
            CorpusRepo.model_validate({"name": "any", field: name})
        except ValueError as error:
            allowed = "letters, digits, _ and -" + (" and /" if option == "branch" else "")
            raise InputError(f"--{option}: {name!r} is not a valid name: use {allowed}") from error
    return BranchRef(RepoRef(project, repo), branch)
