"""The calls to an engine that the operator makes: all of them, and no more.

The calls block, so they run in a bounded executor (`Calls`); each has a deadline of its own. Every method may raise an
`EngineError`. Adapters are `pachyderm/adapter.py` and `jobs/gateway.py`; tests use a fake.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any, ParamSpec, Protocol, TypeVar

from scriptmodel_operator.engine.values import (
    BranchRef,
    CommitInfo,
    Copies,
    Fetched,
    JobInfo,
    JobRef,
    LogLine,
    PipelineApply,
    PipelineInfo,
    PipelineRef,
    RepoInfo,
    RepoRef,
    StoredFile,
    Upload,
    UserBucket,
)

P = ParamSpec("P")
T = TypeVar("T")

END_SECONDS = 15.0
"""Longest wait for calls in progress at the end."""

log = logging.getLogger(__name__)


class LogStream(Protocol):
    """The lines of a log as they are printed; `cancel` ends the iteration from any thread."""

    def __iter__(self) -> Iterator[LogLine]: ...

    def cancel(self) -> None: ...


class Lists(Protocol):
    """What an engine has, as a snapshot reads it."""

    def engine(self) -> str:
        """Return which engine this is (`api/identity.py`): its database or its bucket keeps the id for life."""

    def server_time(self) -> datetime:
        """Return the time of the clock that all times of this engine are of."""

    def list_projects(self) -> Sequence[str]: ...

    def list_repos(self, projects: Sequence[str]) -> Sequence[RepoInfo]: ...

    def list_pipelines(self, projects: Sequence[str]) -> Sequence[PipelineInfo]:
        """Return the current versions of the pipelines in the projects."""

    def list_jobs(self, project: str, limit: int) -> Sequence[JobInfo]:
        """Return the newest jobs of a project, of all its pipelines and their versions, newest first."""


class Gateway(Lists, Protocol):
    """An engine: it computes what pipelines say, and keeps the versions of what they read and write."""

    def settle(self, projects: Iterable[str], beat: Callable[[], None] = lambda: None) -> Lists:
        """Carry on what the engine does not do by itself, and return what it has then. Objects are in `projects`.

        `beat` is called at times, since this may take minutes.
        """

    def list_pipeline_versions(self, pipeline: PipelineRef) -> Sequence[PipelineInfo]:
        """Return all versions of a pipeline, newest first; nothing if it does not exist."""

    def list_pipeline_jobs(self, pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        """Return the newest jobs of a pipeline, of all its versions, newest first; nothing if it does not exist."""

    def branch_head(self, branch: BranchRef) -> CommitInfo | None:
        """Return the newest commit of a branch, None if it has no commit. Raises NotFoundError without a branch."""

    def inspect_commit(self, repo: RepoRef, commit: str) -> CommitInfo:
        """Return the commit of `repo` that `commit` resolves to: itself or an ancestor."""

    def read_file(self, repo: RepoRef, commit: str, path: str, limit: int) -> bytes:
        """Return at most `limit` bytes from the start of a file."""

    def read_files(self, repo: RepoRef, commit: str, glob: str, limit: int) -> Mapping[str, bytes]:
        """Return the files that match, by path, in one call. A folder that matches counts with all its files.

        Of each file there are at most `limit` bytes.
        """

    def file_size(self, repo: RepoRef, commit: str, path: str) -> int: ...

    def walk_files(self, repo: RepoRef, commit: str) -> Mapping[str, StoredFile]:
        """Return all files of a commit, or of a file set of FILE_SETS, by path."""

    def read_log(self, job: JobRef, *, follow: bool, seconds: float) -> LogStream:
        """Return the lines that the job's process printed, for at most `seconds`; with `follow`, also future ones."""

    def create_repo(self, repo: RepoRef, description: str, *, update: bool = False) -> None:
        """Create a repo that does not exist, or with `update` set the description of an existing one."""

    def replace_files(
        self,
        branch: BranchRef,
        files: Iterable[Upload],
        gone: Sequence[str],
        seconds: float,
        copies: Copies | None = None,
    ) -> None:
        """Commit `files`, the deletion of the paths in `gone`, and `copies`, whose data is not moved; whole or not at
        all. An error of `files` ends it.
        """

    def fetch_files(
        self, branch: BranchRef, urls: Mapping[str, str], seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        """Have the engine fetch files from web servers, by path, into a file set for a branch; `seconds` for each.

        A call that is cancelled raises UnavailableError.
        """

    def fetch_bucket(
        self, branch: BranchRef, bucket: UserBucket, seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        """Like `fetch_files`, of the objects in a bucket of a user, unless it has the known listing."""

    def apply_pipelines(self, pipelines: Sequence[PipelineApply]) -> None:
        """Create or update all of them, or none where the engine has transactions. A repetition completes the rest."""

    def start_pipeline(self, pipeline: PipelineRef) -> None: ...

    def stop_pipeline(self, pipeline: PipelineRef) -> None: ...

    def stop_job(self, job: JobRef, reason: str) -> None: ...

    def delete_pipeline(self, pipeline: PipelineRef, *, keep_repo: bool) -> None:
        """Delete a pipeline. A missing one is not an error; one with readers would only be stopped."""

    def delete_repo(self, repo: RepoRef) -> None:
        """Delete a repo. A missing one is not an error."""

    def close(self) -> None:
        """End the calls in progress."""


class Calls:
    """A pool of threads; further calls wait for a free one."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="engine")
        self._running: set[Future[Any]] = set()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = self._pool.submit(lambda: function(*args, **kwargs))
        self._running.add(call)
        call.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(call)

    def close(self, seconds: float = END_SECONDS) -> None:
        """Drop the calls that have not started, and wait for the others, which closing the gateway ends.

        Calls may need the event loop to end, so it must not be blocked meanwhile.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        if wait(tuple(self._running), seconds).not_done:
            log.warning("calls to the engine did not end within %g s", seconds)
