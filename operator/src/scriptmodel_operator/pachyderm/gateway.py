"""The calls to Pachyderm that the operator makes: all of them, and no more.

The calls block, so they run in a bounded executor (`calls.py`); each has a deadline of its own. Every method
raises a `PachydermError`. The adapter over python-pachyderm is `adapter.py`; tests use a fake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from scriptmodel_operator.pachyderm.values import (
    BranchRef,
    CommitInfo,
    JobInfo,
    JobRef,
    LogLine,
    OpenTransaction,
    PipelineApply,
    PipelineInfo,
    PipelineRef,
    RepoInfo,
    RepoRef,
    Upload,
)


class LogStream(Protocol):
    """Lines of a log as they come; `cancel` ends the iteration from any thread."""

    def __iter__(self) -> Iterator[LogLine]: ...

    def cancel(self) -> None: ...


class Gateway(Protocol):
    """A Pachyderm server."""

    def server_version(self) -> str:
        """Such as 2.7.8."""

    def server_time(self) -> datetime:
        """Return the time on the clock of pachd."""

    def list_projects(self) -> Sequence[str]: ...

    def list_repos(self, projects: Sequence[str]) -> Sequence[RepoInfo]:
        """User repos of the projects."""

    def list_pipelines(self, projects: Sequence[str]) -> Sequence[PipelineInfo]:
        """Current versions in the projects."""

    def list_pipeline_versions(self, pipeline: PipelineRef) -> Sequence[PipelineInfo]:
        """All versions, newest first; empty for a missing pipeline."""

    def list_jobs(self, project: str, limit: int) -> Sequence[JobInfo]:
        """Of all pipelines and versions in a project, newest first."""

    def list_pipeline_jobs(self, pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        """Of all versions of a pipeline, newest first; empty for a missing pipeline."""

    def branch_head(self, branch: BranchRef) -> CommitInfo | None:
        """The newest commit of a branch; None for a branch without commits, NotFoundError without a branch."""

    def inspect_commit(self, repo: RepoRef, commit: str) -> CommitInfo:
        """The commit that `commit` stands for in `repo`: its own, or the ancestor that it resolves to."""

    def read_file(self, repo: RepoRef, commit: str, path: str, limit: int) -> bytes:
        """At most `limit` bytes from the start of a file, complete or an error."""

    def file_size(self, repo: RepoRef, commit: str, path: str) -> int: ...

    def stream_file(self, repo: RepoRef, commit: str, path: str, seconds: float) -> Iterator[bytes]:
        """A whole file in pieces, within `seconds`."""

    def walk_files(self, repo: RepoRef, commit: str) -> Mapping[str, int]:
        """Sizes of all files of a commit by path."""

    def read_log(self, job: JobRef, *, follow: bool, seconds: float) -> LogStream:
        """Lines that the job's process printed, for at most `seconds`; with `follow` also those to come."""

    def list_transactions(self) -> Sequence[OpenTransaction]:
        """Open ones, without those that calls of this gateway are at work on."""

    def delete_transaction(self, transaction_id: str) -> None:
        """Missing ones are fine. Nothing of what is in it is done."""

    def create_repo(self, repo: RepoRef, description: str, *, update: bool = False) -> None:
        """AlreadyExistsError for one that is there; with `update` that gets the description, and keeps all else."""

    def replace_files(self, branch: BranchRef, files: Iterable[Upload], gone: Sequence[str], seconds: float) -> None:
        """One commit, whole or not at all, that has `files` and not what is `gone`. What `files` raises ends it."""

    def apply_pipelines(self, pipelines: Sequence[PipelineApply]) -> None:
        """Create or update all of them, or none, in one transaction."""

    def start_pipeline(self, pipeline: PipelineRef) -> None: ...

    def stop_pipeline(self, pipeline: PipelineRef) -> None: ...

    def stop_job(self, job: JobRef, reason: str) -> None: ...

    def delete_pipeline(self, pipeline: PipelineRef, *, keep_repo: bool) -> None:
        """Missing ones are fine. A pipeline with readers would be left stopped: look before."""

    def delete_repo(self, repo: RepoRef) -> None:
        """Missing ones are fine."""

    def close(self) -> None:
        """End the connection; calls in flight fail."""
