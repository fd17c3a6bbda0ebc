"""Takes snapshots of the engine, which all ScriptModels share: three lists, and one of jobs per project in use."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from scriptmodel_operator.api.marks import Owner, mark_of, naming, parse_mark
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Lists
from scriptmodel_operator.engine.values import JobInfo, JobRef, PipelineInfo, PipelineRef, RepoInfo, RepoRef

JOBS_PER_PROJECT = 500
JOBS_FOR_EACH_PIPELINE = 2
"""Limit of the list of a project's newest jobs: a base, and an addition per pipeline."""
JOBS_PER_PIPELINE = 50


@dataclass(frozen=True)
class Snapshot:
    """What the engine has at some moment after `started` (monotonic seconds)."""

    started: float
    engine: str
    time: datetime
    """The engine's own time then, from which ages are counted: no two clocks are compared."""
    projects: frozenset[str]
    repos: Mapping[RepoRef, RepoInfo]
    pipelines: Mapping[PipelineRef, PipelineInfo]
    jobs: Mapping[PipelineRef, tuple[JobInfo, ...]]
    complete_projects: frozenset[str]
    """Projects whose jobs are all listed; old jobs of other projects may be missing."""
    unread: Mapping[str, EngineError]
    """Why a project could not be read, of which nothing is known then."""

    def readers(self, repo: RepoRef) -> Mapping[PipelineRef, str]:
        """Return the pipelines that read any branch of `repo`, with the namespaces of their owners; empty for none."""
        return self._readers.get(repo, {})

    def foreign(self, repo: RepoRef, owner: Owner) -> RepoInfo | None:
        """Return a repo that exists, but is not in the owner's namespace, was not made by it, and does not name it."""
        found, upstream = self.repos.get(repo), self.pipelines.get(PipelineRef(repo.project, repo.name))
        if found is None or found.namespace == owner.namespace or naming(owner.namespace) in found.description:
            return None
        mark = mark_of(upstream.spec.annotations) if upstream else parse_mark(found.description)
        made = mark is not None and (mark.owner.cluster, mark.owner.namespace) == (owner.cluster, owner.namespace)
        return None if made else found

    def repos_of(self, pipeline: PipelineRef) -> tuple[RepoInfo | None, ...]:
        """Return the pipeline's output repo and input repos."""
        info = self.pipelines.get(pipeline)
        inputs = (branch.repo for branch in info.inputs) if info else ()
        return tuple(self.repos.get(repo) for repo in (pipeline.output, *inputs))

    def may_run(self, job: JobRef) -> bool:
        """Return whether the job may still be running.

        A job that is no longer listed may be, unless a newer job of its pipeline has started.
        """
        listed = self.jobs.get(job.pipeline, ())
        found = next((each for each in listed if each.ref == job), None)
        if found is not None:
            return not found.state.final
        unlisted = job.pipeline in self.pipelines and job.pipeline.project not in self.complete_projects
        return unlisted and all(each.state.waiting for each in listed)

    @cached_property
    def _readers(self) -> Mapping[RepoRef, Mapping[PipelineRef, str]]:
        """Index the readers once per snapshot: every object needs them at every tick."""
        found: dict[RepoRef, dict[PipelineRef, str]] = defaultdict(dict)
        for info in self.pipelines.values():
            mark = mark_of(info.spec.annotations)
            for branch in info.inputs:
                found[branch.repo][info.ref] = mark.owner.namespace if mark else ""
        return found


def take_snapshot(lists: Lists, projects: Iterable[str], beat: Callable[[], None] = lambda: None) -> Snapshot:
    """Read all lists; jobs of `projects` only. Blocking; raises EngineError.

    `beat` is called before each list of jobs."""
    started = time.monotonic()
    engine = lists.engine()
    known, now = sorted(lists.list_projects()), lists.server_time()
    repos = {info.ref: info for info in lists.list_repos(known)}
    pipelines = {info.ref: info for info in lists.list_pipelines(known)}
    jobs: dict[PipelineRef, list[JobInfo]] = defaultdict(list)
    complete, unread = set[str](), dict[str, EngineError]()
    sizes = Counter(ref.project for ref in pipelines)
    for project in sorted(set(projects).intersection(known)):
        limit = JOBS_PER_PROJECT + JOBS_FOR_EACH_PIPELINE * sizes[project]
        beat()
        try:
            listed = lists.list_jobs(project, limit)
        except EngineError as error:
            unread[project] = error
            continue
        if len(listed) < limit:
            complete.add(project)
        for job in listed:
            jobs[job.ref.pipeline].append(job)
    if unread and not complete and not jobs:
        raise next(iter(unread.values()))
    return Snapshot(
        started=started,
        engine=engine,
        time=now,
        projects=frozenset(known),
        repos=repos,
        pipelines=pipelines,
        jobs={ref: tuple(found) for ref, found in jobs.items()},
        complete_projects=frozenset(complete),
        unread=unread,
    )
