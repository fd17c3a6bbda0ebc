"""Puts a corpus into a repo as one commit, and shows how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from scriptmodel_cli.charts import bar, glyphs_for
from scriptmodel_cli.corpus import CorpusError, CorpusFile
from scriptmodel_cli.live import Live
from scriptmodel_operator.api.marks import parse_mark
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.uploads import EVERYTHING, UPLOAD_SECONDS
from scriptmodel_operator.pachyderm.values import BranchRef, CommitInfo, PipelineRef, Upload

_REDRAW_SECONDS = 0.1
_FINISH_SECONDS = 600.0
_POLL_SECONDS = 0.2
_BAR_WIDTH = 30


def ensure_repo(gateway: PachydermGateway, branch: BranchRef, *, create: bool) -> tuple[PipelineRef, ...]:
    """Refuse a repo that nobody may push to; make one that is missing. Returns the pipelines that read the branch."""
    repo = branch.repo
    if repo.project not in gateway.list_projects():
        raise click.ClickException(
            f"Pachyderm project {repo.project!r} does not exist: `pachctl create project {repo.project}`"
        )
    found = next((info for info in gateway.list_repos([repo.project]) if info.ref == repo), None)
    pipelines = gateway.list_pipelines(gateway.list_projects())
    if any(info.ref.output == repo for info in pipelines):
        raise click.ClickException(f"repo {repo} is the output of a pipeline: push into another repo")
    if found is None:
        if not create:
            raise click.ClickException(f"repo {repo} does not exist: --create makes it")
        gateway.create_repo(repo, "")
    elif mark := parse_mark(found.description):
        raise click.ClickException(
            f"repo {repo} belongs to ScriptModel {mark.owner}, which fills it from its own source: push into another"
        )
    elif branch.name in found.branches:
        _refuse_open_head(gateway, branch)
    return tuple(info.ref for info in pipelines if branch in info.inputs)


def _refuse_open_head(gateway: PachydermGateway, branch: BranchRef) -> None:
    """What is put meanwhile goes into the open commit, not into one of its own."""
    head = gateway.branch_head(branch)
    if head is not None and head.open:
        raise click.ClickException(f"commit {head.id} of {branch} is still open: `{branch.finish_command}`")


def push(gateway: PachydermGateway, branch: BranchRef, files: Sequence[CorpusFile], *, replace: bool) -> CommitInfo:
    """The finished commit. ClickException where a file or Pachyderm fails; nothing is committed then."""
    meter = Meter(sum(file.size for file in files), len(files))
    uploads = (Upload(file.path, meter.counted(file)) for file in files)
    try:
        gateway.replace_files(branch, uploads, [EVERYTHING] if replace else [], UPLOAD_SECONDS)
    except CorpusError as error:
        raise click.ClickException(f"{error}; nothing was committed") from error
    commit = _finished(gateway, branch)
    if commit.error:
        raise click.ClickException(f"commit {commit.id} of {branch} failed in Pachyderm: {commit.error}")
    return commit


def _finished(gateway: PachydermGateway, branch: BranchRef) -> CommitInfo:
    """Pachyderm shows a commit for a moment before it has checked it."""
    deadline = time.monotonic() + _FINISH_SECONDS
    head = gateway.branch_head(branch)
    while head is None or not head.finished:
        if head is None or time.monotonic() > deadline:
            raise click.ClickException(f"Pachyderm has not finished the commit of {branch} in {_FINISH_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
        head = gateway.inspect_commit(branch.repo, head.id)
    return head


class Meter:
    """A bar on a terminal, a line at the end elsewhere."""

    def __init__(self, total: int, files: int) -> None:
        self._total, self._files = total, files
        self._sent, self._begun = 0, 0
        self._live = Live(err=True)
        self._glyphs = glyphs_for(sys.stderr)
        self._drawn = 0.0

    def counted(self, file: CorpusFile) -> Iterator[bytes]:
        self._begun += 1
        for piece in file.pieces():
            yield piece
            self._sent += len(piece)
            self._draw(file)

    def _draw(self, file: CorpusFile) -> None:
        done = self._sent == self._total
        if self._live.redraws and not done and time.monotonic() - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        percent = 100 * self._sent // self._total
        size = f"{megabytes(self._sent)} of {megabytes(self._total)}"
        count = f"file {self._begun} of {self._files}"
        screen = (
            f"{bar(percent, _BAR_WIDTH, self._glyphs)} {percent:3}%  {size}  {count}  {file.path if not done else ''}"
        )
        if self._live.redraws or done:
            self._live.show([screen], f"{percent}% of {megabytes(self._total)}", datetime.now(UTC))


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
