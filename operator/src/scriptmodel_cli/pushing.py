"""Uploads a corpus to a repo as one commit, with a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence

import click

from scriptmodel_cli.corpus import CorpusFile
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.session import Engine
from scriptmodel_cli.text import did_you_mean
from scriptmodel_operator.api.marks import naming, parse_mark
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, CommitInfo, PipelineRef, Upload

_UPLOAD_SECONDS = 6 * 3600.0
_FINISH_SECONDS = 600.0
_POLL_SECONDS = 0.2


def ensure_repo(gateway: Engine, branch: BranchRef, *, create_for: str) -> tuple[PipelineRef, ...]:
    """Check that the repo accepts a push; return the pipelines that read the branch.

    With `create_for`, create what is missing, and let the ScriptModels of that namespace read the repo.
    """
    repo = branch.repo
    projects = gateway.list_projects()
    if repo.project not in projects:
        if not create_for:
            near = did_you_mean(repo.project, projects)
            raise click.ClickException(f"project {repo.project!r} does not exist{near}: add --create to create it")
        gateway.create_project(repo.project)
    repos = gateway.list_repos([repo.project])
    found = next((info for info in repos if info.ref == repo), None)
    pipelines = gateway.list_pipelines(projects)
    if any(info.ref.output == repo for info in pipelines):
        raise click.ClickException(f"repo {repo} is the output of a pipeline: push to another repo")
    if found is None:
        if not create_for:
            near = did_you_mean(repo.name, (info.ref.name for info in repos))
            raise click.ClickException(f"repo {repo} does not exist{near}: add --create to create it")
        gateway.create_repo(repo, naming(create_for))
    elif mark := parse_mark(found.description):
        raise click.ClickException(
            f"repo {repo} belongs to ScriptModel {mark.owner}, which fills it from spec.corpus: push to another repo"
        )
    elif branch.name in found.branches:
        head = gateway.branch_head(branch)
        if head is not None and head.open:  # it would take in the upload
            raise click.ClickException(f"commit {head.id} of {branch} is still open: `{branch.finish_command}`")
    if found is not None and create_for and naming(create_for) not in found.description:
        gateway.create_repo(repo, f"{found.description} {naming(create_for)}".lstrip(), update=True)
    return tuple(info.ref for info in pipelines if branch in info.inputs)


def newest(gateway: Gateway, branch: BranchRef) -> str:
    """Return the newest commit of a branch; empty without one."""
    try:
        head = gateway.branch_head(branch)
    except NotFoundError:
        return ""
    return head.id if head else ""


def push(gateway: Gateway, branch: BranchRef, files: Sequence[CorpusFile], *, replace: bool) -> CommitInfo:
    """Upload the files and return the finished commit. After any error nothing is committed."""
    try:
        gateway.replace_files(branch, uploads(files), [EVERYTHING] if replace else [], _UPLOAD_SECONDS)
    except InputError as error:
        raise InputError(f"{error}; nothing was committed") from error
    commit = _finished(gateway, branch)
    if commit.error:
        raise click.ClickException(f"commit {commit.id} of {branch} failed: {commit.error}")
    return commit


def _finished(gateway: Gateway, branch: BranchRef) -> CommitInfo:
    """Wait until Pachyderm has validated the commit, which is visible a moment earlier."""
    deadline = time.monotonic() + _FINISH_SECONDS
    head = gateway.branch_head(branch)
    while head is None or not head.finished:
        if head is None or time.monotonic() > deadline:
            raise click.ClickException(
                f"the commit of {branch} is not finished after {_FINISH_SECONDS:.0f} s: check the log of pachd"
            )
        time.sleep(_POLL_SECONDS)
        head = gateway.inspect_commit(branch.repo, head.id)
    return head


def uploads(files: Sequence[CorpusFile]) -> Iterator[Upload]:
    """Yield the files to upload, with a bar on stderr of how much of them was read."""
    with click.progressbar(length=sum(file.size for file in files), label="uploading", file=sys.stderr) as bar:
        for file in files:
            yield file.path, _counted(file, bar.update)


def _counted(file: CorpusFile, update: Callable[[int], None]) -> Iterator[bytes]:
    for piece in file.pieces():
        yield piece
        update(len(piece))


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
