"""Pipelines: create, update, start, stop and delete, each in one transaction."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

from localpach.errors import AlreadyExistsError, NotFoundError, PachError
from localpach.messages import commit_message, copy_fields, pipeline_ref, pps, timestamp
from localpach.names import parse_ancestry
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import Files
from localpach.pps import jobs, specs
from localpach.refs import META, SPEC, USER, BranchRef, CommitRef, JobRef, PipelineRef
from localpach.state import Pipeline, State, Txn, VersionKey
from localpach.states import PipelineState


def message(pipeline: Pipeline) -> pps.PipelineInfo:
    found = pps.PipelineInfo.FromString(pipeline.info)
    found.state = int(pipeline.state)
    found.reason = pipeline.reason
    found.stopped = pipeline.stopped
    found.parallelism = pipeline.parallelism
    return found


def latest(state: State, ref: PipelineRef) -> Pipeline | None:
    """Return the current version of a pipeline, or None if it does not exist."""
    return next((each for each in reversed(state.pipelines.values()) if each.ref == ref), None)


def inspect(state: State, ref: PipelineRef) -> Pipeline:
    """Return the version that a name selects, which can have an ancestry suffix. Raises NotFoundError."""
    name, back = parse_ancestry(ref.name)
    if back < 0:
        raise PachError("cannot inspect future pipelines")
    ref = PipelineRef(name, ref.project)
    try:
        commits.resolve(state, CommitRef(ref.repo(SPEC), branch="master"))
    except PachError as error:
        raise error.within(f'pipeline was not inspected: couldn\'t find up to date spec for pipeline "{ref}"') from None
    current = latest(state, ref)
    if current is None:
        raise NotFoundError(f'pipeline "{ref}" not found')
    if back >= current.version:
        raise PachError(f'pipeline "{ref}" has only {current.version} versions, not enough to find ancestor {back}')
    return state.pipelines[VersionKey(ref, current.version - back)]


def list_all(state: State, only: PipelineRef | None, history: int) -> Iterator[Pipeline]:
    """Yield pipelines, newest first, with ``history`` older versions of each (-1: all)."""
    oldest: dict[PipelineRef, int] = {}
    for pipeline in reversed(state.pipelines.values()):
        if only is not None and pipeline.ref != only:
            continue
        first = oldest.setdefault(pipeline.ref, 1 if history < 0 else max(1, pipeline.version - history))
        if pipeline.version >= first:
            yield pipeline
    if only is not None and not oldest:
        raise NotFoundError(f'pipeline "{only}" not found')


def create(txn: Txn, files: Files, request: pps.CreatePipelineRequest) -> None:
    """Create a pipeline or a new version of it, with its repos, branches and first job."""
    request.pipeline.name = parse_ancestry(request.pipeline.name)[0]
    ref = pipeline_ref(request.pipeline)
    old = latest(txn, ref)
    if old is not None and not request.update:
        raise AlreadyExistsError(f'pipeline "{ref}" already exists')
    info = _new_info(request, old)
    details = info.details
    root = specs.root_of(details)
    for source in specs.repos_in(root):
        repos.get(txn, specs.repo_of(source))
    if old is None:
        _create_repos(txn, ref)
    spec = commits.finish(txn, files, branches.start_commit(txn, ref.repo(SPEC).branch("master"), None, ""))
    info.spec_commit.CopyFrom(commit_message(spec.repo, spec.id, spec.branch))
    details.created_at.CopyFrom(timestamp(txn.now))
    stopped = old is not None and old.stopped
    state = PipelineState.PAUSED if stopped else PipelineState.STARTING
    key = VersionKey(ref, info.version)
    txn.pipelines[key] = Pipeline(key, state, "", stopped, specs.expected_workers(details), info.SerializeToString())
    if old is not None:
        jobs.stop_all(txn, files, ref, "all jobs killed because pipeline was updated")
    provenance = [] if stopped else _provenance(ref, root)
    try:
        branches.connect(txn, ref.repo().branch(details.output_branch), provenance)
    except PachError as error:
        raise error.within("could not create/update output branch") from None
    if ref.repo(META) not in txn.repos:
        repos.create(txn, ref.repo(META), f"Meta repo for pipeline {ref.name}")
    branches.connect(txn, ref.repo(META).branch(details.output_branch), provenance)


def start(txn: Txn, ref: PipelineRef) -> None:
    """Start a pipeline; if it was stopped, a job is created immediately."""
    pipeline = inspect(txn, ref)
    details = message(pipeline).details
    for kind in (USER, META):
        branch = pipeline.ref.repo(kind).branch(details.output_branch)
        branches.connect(txn, branch, _provenance(pipeline.ref, specs.root_of(details)))
    txn.pipelines[pipeline.key] = replace(pipeline, stopped=False)


def stop(txn: Txn, files: Files, ref: PipelineRef) -> None:
    """Stop a pipeline and kill its jobs. A missing pipeline is not an error."""
    try:
        pipeline = inspect(txn, ref)
    except NotFoundError:
        return
    branch = message(pipeline).details.output_branch
    for kind in (USER, META):
        branches.connect(txn, pipeline.ref.repo(kind).branch(branch), ())
    txn.pipelines[pipeline.key] = replace(pipeline, stopped=True, state=PipelineState.PAUSED, reason="")
    jobs.stop_all(txn, files, pipeline.ref, "all jobs killed because pipeline was stopped")


def delete(txn: Txn, files: Files, ref: PipelineRef, *, keep_repo: bool, force: bool) -> None:
    """Delete a pipeline with its jobs and repos. A missing pipeline is not an error."""
    pipeline = latest(txn, ref)
    if pipeline is None:
        return
    for job in jobs.list_all(txn, ref):
        jobs.stop(txn, files, job.key, "job deleted")
        del txn.jobs[job.key]
    txn.pipelines = {key: each for key, each in txn.pipelines.items() if key.pipeline != ref}
    if keep_repo:
        branches.connect(txn, ref.repo().branch(message(pipeline).details.output_branch), ())
    kinds = (SPEC, META) if keep_repo else (USER, SPEC, META)
    targets = [ref.repo(kind) for kind in kinds if ref.repo(kind) in txn.repos]
    branches.delete_repos(txn, targets, force=force)


def end_of_change(txn: Txn) -> None:
    """Create the commits downstream of changed branches, and a job for each new open output commit."""
    if not branches.propagate(txn):
        return
    for commit in commits.of_set(txn, txn.id):
        ref = PipelineRef(commit.repo.name, commit.repo.project)
        pipeline = latest(txn, ref) if not commit.finished and commit.repo.type == USER else None
        if pipeline is not None and commit.branch == message(pipeline).details.output_branch:
            jobs.create(txn, JobRef(ref, commit.id), pipeline.version, commit.branch)


def _new_info(request: pps.CreatePipelineRequest, old: Pipeline | None) -> pps.PipelineInfo:
    specs.validate_request(request)
    if not request.salt or request.reprocess:
        request.salt = uuid.uuid4().hex
    info = pps.PipelineInfo(pipeline=request.pipeline, version=1)
    info.type = pps.PipelineInfo.PIPELINE_TYPE_TRANSFORM
    copy_fields(request, info.details)
    specs.complete(info)
    if old is not None:
        info.version = old.version + 1
        if not request.reprocess:
            info.details.salt = message(old).details.salt
    return info


def _create_repos(txn: Txn, ref: PipelineRef) -> None:
    try:
        repos.create(txn, ref.repo(), f"Output repo for pipeline {ref}.")
    except AlreadyExistsError:
        raise PachError(
            f'pipeline "{ref.name}" cannot be created because a repo with the same name already exists'
        ) from None
    except PachError as error:
        raise error.within(f"error creating output repo for {ref.name}") from None
    repos.create(txn, ref.repo(SPEC), f"Spec repo for pipeline {ref}.", update=True)


def _provenance(ref: PipelineRef, root: pps.Input | None) -> list[BranchRef]:
    sources = [specs.repo_of(each, ref.project).branch(each.branch) for each in specs.repos_in(root)]
    return [*sources, ref.repo(SPEC).branch("master")]
