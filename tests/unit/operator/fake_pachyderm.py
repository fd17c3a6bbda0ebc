"""Implements `scriptmodel_operator.engine.gateway.Gateway` on the state of a Pachyderm in memory."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from scriptmodel_operator.api.urls import file_name
from scriptmodel_operator.engine.errors import (
    EngineError,
    NotFoundError,
    PipelineLimitError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import (
    FILE_SETS,
    BranchRef,
    CommitInfo,
    Copies,
    Fetched,
    JobInfo,
    JobRef,
    JobState,
    LogLine,
    PipelineApply,
    PipelineInfo,
    PipelineRef,
    PipelineState,
    RepoInfo,
    RepoRef,
    StoredFile,
    Upload,
    UserBucket,
)
from scriptmodel_operator.pachyderm.fetching import fetch_each
from scriptmodel_operator.pachyderm.versions import ServerVersion
from tests.unit.operator.pachyderm_state import PachydermState


@dataclass
class FakeLog:
    """Implements LogStream."""

    lines: list[LogLine]

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self.lines)

    def cancel(self) -> None:
        return None


@dataclass
class FakePachyderm(PachydermState):
    """The calls of a gateway, which a test can make fail (`fault`)."""

    # --- reads

    def server_version(self) -> ServerVersion:
        return ServerVersion(2, 7, 8)

    def engine(self) -> str:
        return self.engine_id

    def server_time(self) -> datetime:
        self._checked("server_time")
        return self.now

    def list_projects(self) -> Sequence[str]:
        self._checked("list_projects")
        return sorted(self.projects)

    def list_repos(self, projects: Sequence[str]) -> Sequence[RepoInfo]:
        heads = {branch.repo: head for branch, head in list(self.heads.items()) if branch.name == "master"}
        return [
            replace(info, size_bytes=self._size(info.ref, heads.get(info.ref)))
            for info in list(self.repos.values())
            if info.ref.project in projects
        ]

    def list_pipelines(self, projects: Sequence[str]) -> Sequence[PipelineInfo]:
        return [versions[-1] for ref, versions in list(self.pipelines.items()) if ref.project in projects]

    def list_pipeline_versions(self, pipeline: PipelineRef) -> Sequence[PipelineInfo]:
        return list(reversed(self.pipelines.get(pipeline, [])))

    def list_jobs(self, project: str, limit: int) -> Sequence[JobInfo]:
        found = [job for job in list(self.jobs.values()) if job.ref.pipeline.project == project]
        return list(reversed(found))[:limit]

    def list_pipeline_jobs(self, pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        return [job for job in self.list_jobs(pipeline.project, 10_000) if job.ref.pipeline == pipeline][:limit]

    def branch_head(self, branch: BranchRef) -> CommitInfo | None:
        if branch not in self.heads:
            raise NotFoundError(f"reading branch {branch}", "not found", "NOT_FOUND")
        return self.commits[branch.repo, self.heads[branch]]

    def inspect_commit(self, repo: RepoRef, commit: str) -> CommitInfo:
        if (repo, commit) not in self.commits:
            raise NotFoundError(f"reading commit {repo}@{commit}", "not found", "NOT_FOUND")
        return self.commits[repo, commit]

    def file_size(self, repo: RepoRef, commit: str, path: str) -> int:
        return len(self.read_file(repo, commit, path, 1 << 30))

    def read_file(self, repo: RepoRef, commit: str, path: str, limit: int) -> bytes:
        self._checked("read_file")
        content = self.files.get((repo, commit), {}).get(path)
        if content is None:
            raise NotFoundError(f"reading {repo}@{commit}:{path}", "not found", "NOT_FOUND")
        return content[:limit]

    def read_files(self, repo: RepoRef, commit: str, glob: str, limit: int) -> Mapping[str, bytes]:
        self._checked("read_files")
        pattern = re.compile(glob.replace("*", "[^/]*"))
        files = self.files.get((repo, commit), {})
        return {path: content[:limit] for path, content in files.items() if pattern.fullmatch(path)}

    def walk_files(self, repo: RepoRef, commit: str) -> Mapping[str, StoredFile]:
        self._checked("walk_files")
        files = sorted(self.files.get((repo, commit), {}).items())
        return {path: StoredFile(len(content), hashlib.sha256(content).digest()) for path, content in files}

    def read_log(self, job: JobRef, *, follow: bool, seconds: float) -> LogStream:
        """Return all that was printed, or what a test replaced it by; there are no deadlines."""
        assert seconds > 0
        if self.log_source is not None:
            return self.log_source(job, follow)
        verdict = self.verdicts.get(job)
        said = [LogLine(verdict, verdict=True)] if verdict else []
        return FakeLog([*(LogLine(text) for text in self.logs.get(job, [])), *said])

    # --- writes

    def settle(self, *_given: object) -> FakePachyderm:
        return self

    def create_project(self, project: str) -> None:
        self.calls.append(f"create project {project}")
        self.projects.add(project)

    def create_repo(self, repo: RepoRef, description: str, *, update: bool = False) -> None:
        self._checked("create_repo")
        self.calls.append(f"{'update' if update else 'create'} repo {repo.name}")
        if repo in self.repos and not update:
            raise EngineError("creating", f"repo {repo} already exists", "ALREADY_EXISTS")
        self.repos[repo] = replace(self.repos.get(repo, RepoInfo(repo)), description=description)

    def replace_files(
        self,
        branch: BranchRef,
        files: Iterable[Upload],
        gone: Sequence[str],
        seconds: float,
        copies: Copies | None = None,
    ) -> None:
        self._checked("replace_files")
        assert seconds > 0
        self.calls.append(f"copy {copies.repo.name} to {branch.repo.name}" if copies else f"put {branch.repo.name}")
        copied = copies.paths if copies else ()
        new = {path: self.read_file(copies.repo, copies.commit, path, 1 << 30) for path in copied}
        new |= {path: b"".join(pieces) for path, pieces in files}
        before = self.files.get((branch.repo, self.heads.get(branch, "")), {})
        self.put(branch, {**{path: text for path, text in before.items() if path not in gone}, **new})

    def fetch_files(
        self, _branch: BranchRef, urls: Mapping[str, str], seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        return fetch_each(self.fetch_file, urls, seconds, cancelled)

    def fetch_bucket(
        self, branch: BranchRef, bucket: UserBucket, seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        """Fetch all that web servers have, as an engine that can read buckets."""
        self.listed.append((bucket.url, bucket.secret, bucket.known))
        if bucket.known == self.listing:
            return Fetched("", {}, listing=self.listing)
        found = self.fetch_files(branch, {f"/{file_name(url)}": url for url in self.web}, seconds, cancelled)
        return replace(found, listing=self.listing)

    def fetch_file(
        self, path: str, url: str, file_set: str, seconds: float, cancelled: Callable[[], bool] = lambda: False
    ) -> str:
        self._checked("fetch_file")
        assert seconds > 0
        self.fetched.append(url)
        answer = self.web[url]
        answer = answer(cancelled) if callable(answer) else answer
        if isinstance(answer, EngineError):
            raise answer
        made = self._new_id()
        self.files[FILE_SETS, made] = {**self.files.get((FILE_SETS, file_set), {}), path: answer}
        return made

    def apply_pipelines(self, pipelines: Sequence[PipelineApply]) -> None:
        self._checked("apply_pipelines")
        self.calls += [f"{'update' if each.update else 'create'} {each.spec.ref.name}" for each in pipelines]
        new = {each.spec.ref for each in pipelines if each.spec.ref not in self.pipelines}
        if len(self.pipelines) + len(new) > self.pipeline_limit:
            raise PipelineLimitError("creating", "requires an activation key to create more than 16 total pipelines")
        for each in pipelines:
            self._check(each, {other.spec.ref for other in pipelines})
        job = self._new_id()
        with self._lock:
            for each in pipelines:
                self._write(each, job)

    def start_pipeline(self, pipeline: PipelineRef) -> None:
        self._checked("start_pipeline")
        self.calls.append(f"start {pipeline.name}")
        self._change(pipeline, stopped=False, state=PipelineState.RUNNING)
        self._new_job(pipeline, self._new_id())

    def stop_pipeline(self, pipeline: PipelineRef) -> None:
        self._checked("stop_pipeline")
        self.calls.append(f"stop {pipeline.name}")
        self._kill(pipeline, "all jobs killed because pipeline was stopped")
        self._change(pipeline, stopped=True, state=PipelineState.PAUSED)

    def stop_job(self, job: JobRef, reason: str) -> None:
        self._checked("stop_job")
        self.calls.append(f"stop job {job.pipeline.name}")
        if job in self.jobs and not self.jobs[job].state.final:
            self._end(self.jobs[job], JobState.KILLED, reason, {}, total=0)
            self._cannot_run(job)

    def delete_pipeline(self, pipeline: PipelineRef, *, keep_repo: bool) -> None:
        self._checked("delete_pipeline")
        self.calls.append(f"delete {pipeline.name}")
        readers = [
            info.ref
            for info in self.list_pipelines(sorted(self.projects))
            if any(branch.repo == pipeline.output for branch in info.inputs)
        ]
        if readers:
            self._change(pipeline, stopped=True, state=PipelineState.PAUSED)
            raise RefusedError("deleting", f"branch master has {readers} as subvenance", "UNKNOWN")
        self.pipelines.pop(pipeline, None)
        self.jobs = {ref: job for ref, job in self.jobs.items() if ref.pipeline != pipeline}
        if not keep_repo:
            self._drop_repo(pipeline.output)

    def delete_repo(self, repo: RepoRef) -> None:
        self._checked("delete_repo")
        self.calls.append(f"delete repo {repo.name}")
        readers = [ref for ref, versions in self.pipelines.items() if repo in {b.repo for b in versions[-1].inputs}]
        if readers:
            raise RefusedError("deleting", f"repo {repo} has {readers} as subvenance", "UNKNOWN")
        self._drop_repo(repo)

    def _drop_repo(self, repo: RepoRef) -> None:
        self.heads = {branch: head for branch, head in self.heads.items() if branch.repo != repo}
        self.repos.pop(repo, None)

    def close(self) -> None:
        return None


class Faulty(FakePachyderm):
    """Breaks the n-th call of one name, before or after it took effect."""

    fired = False

    def arm(self, call: str, number: int, *, after: bool) -> None:
        count = itertools.count(1)
        real: Callable[..., Any] = getattr(self, call)

        def broken(*args: Any, **kwargs: Any) -> Any:
            fails = next(count) == number
            self.fired = self.fired or fails
            if fails and not after:
                raise UnavailableError(call, "injected")
            result = real(*args, **kwargs)
            if fails:
                raise UnavailableError(call, "injected")
            return result

        setattr(self, call, broken)
