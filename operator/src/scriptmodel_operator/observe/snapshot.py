"""One look at Pachyderm that all ScriptModels share: three lists, and one of jobs for each project in use."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import JobInfo, JobRef, PipelineInfo, PipelineRef, RepoInfo, RepoRef

JOBS_PER_PROJECT = 500
JOBS_FOR_EACH_PIPELINE = 2
"""The newest jobs of a project come in one list, which has room for more where there are more pipelines."""
JOBS_PER_PIPELINE = 50


@dataclass(frozen=True)
class Snapshot:
    """What was there at some moment after `started` (monotonic seconds)."""

    started: float
    projects: frozenset[str]
    repos: Mapping[RepoRef, RepoInfo]
    pipelines: Mapping[PipelineRef, PipelineInfo]
    jobs: Mapping[PipelineRef, tuple[JobInfo, ...]]
    complete_projects: frozenset[str]
    """Projects whose jobs all fitted into the list; of others, old jobs may be missing."""

    def readers(self, repo: RepoRef) -> tuple[PipelineRef, ...]:
        """Pipelines that read any branch of `repo`."""
        return self._readers.get(repo, ())

    def repos_of(self, pipeline: PipelineRef) -> tuple[RepoInfo | None, ...]:
        """Its output and what it reads. That somebody deleted a commit of master shows in their sizes, unless the one
        before it is as large, as where nothing new was computed."""
        info = self.pipelines.get(pipeline)
        inputs = (branch.repo for branch in info.inputs) if info else ()
        return tuple(self.repos.get(repo) for repo in (pipeline.output, *inputs))

    def may_run(self, job: JobRef) -> bool:
        """Whether it has not ended, as far as this look can tell.

        One that newer jobs have pushed out of the list may run, unless a later one of its pipeline waits no more.
        """
        listed = self.jobs.get(job.pipeline, ())
        found = next((each for each in listed if each.ref == job), None)
        if found is not None:
            return not found.state.final
        left_out = job.pipeline in self.pipelines and job.pipeline.project not in self.complete_projects
        return left_out and all(each.state.waiting for each in listed)

    @cached_property
    def _readers(self) -> dict[RepoRef, tuple[PipelineRef, ...]]:
        """Made once a snapshot: every object asks at every tick."""
        found: dict[RepoRef, set[PipelineRef]] = defaultdict(set)
        for info in self.pipelines.values():
            for branch in info.inputs:
                found[branch.repo].add(info.ref)
        return {repo: tuple(sorted(refs)) for repo, refs in found.items()}


def take_snapshot(gateway: Gateway, projects: Iterable[str], heard: Callable[[], None] = lambda: None) -> Snapshot:
    """Blocking; raises PachydermError. Jobs come from the given projects only; `heard` is called at each of these."""
    started = time.monotonic()
    known = sorted(gateway.list_projects())
    repos = {info.ref: info for info in gateway.list_repos(known)}
    pipelines = {info.ref: info for info in gateway.list_pipelines(known)}
    jobs: dict[PipelineRef, list[JobInfo]] = defaultdict(list)
    complete = set()
    sizes = Counter(ref.project for ref in pipelines)
    for project in sorted(set(projects).intersection(known)):
        limit = JOBS_PER_PROJECT + JOBS_FOR_EACH_PIPELINE * sizes[project]
        heard()
        listed = gateway.list_jobs(project, limit)
        if len(listed) < limit:
            complete.add(project)
        for job in listed:
            jobs[job.ref.pipeline].append(job)
    return Snapshot(
        started=started,
        projects=frozenset(known),
        repos=repos,
        pipelines=pipelines,
        jobs={ref: tuple(found) for ref, found in jobs.items()},
        complete_projects=frozenset(complete),
    )
