"""Pipelines: create, update, start, stop and delete, each in one transaction."""

import uuid

from localpach.errors import AlreadyExistsError, NotFoundError, PachError
from localpach.messages import DEFAULT_PROJECT, META, SPEC, USER, changed, filled, key, pfs, pps, repo_of, shown
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import Files
from localpach.pps import jobs, specs
from localpach.state import State, Txn, owned, owner


def latest(state: State, ref: pps.Pipeline) -> pps.PipelineInfo | None:
    """Return the current version of a pipeline, or None if it does not exist."""
    return next(iter(owned(state.pipelines, key(ref))), None)


def inspect(state: State, ref: pps.Pipeline, prefix: str = "") -> pps.PipelineInfo:
    """Return the current version of a pipeline. Raises NotFoundError, whose text begins with ``prefix``."""
    current = latest(state, ref)
    if current is None:
        raise NotFoundError(
            f"{prefix}pipeline was not inspected: couldn't find up to date spec for pipeline "
            f'"{shown(ref)}": branch "master" not found in repo {key(repo_of(ref, SPEC))}'
        )
    return current


def list_all(state: State, only: pps.Pipeline | None, history: int, prefix: str = "") -> list[pps.PipelineInfo]:
    """List pipelines, newest first, with ``history`` older versions of each (-1: all)."""
    found = owned(state.pipelines, None if only is None else key(only))
    if only is not None and not found:
        raise NotFoundError(f'{prefix}pipeline "{shown(only)}" not found')
    newest = {key(each.pipeline): each.version for each in reversed(found)}
    return [each for each in found if history < 0 or each.version >= newest[key(each.pipeline)] - history]


def create(txn: Txn, files: Files, request: pps.CreatePipelineRequest) -> None:
    """Create a pipeline or a new version of it, with its repos, branches and first job."""
    ref = request.pipeline
    ref.project.name = ref.project.name or DEFAULT_PROJECT
    old = latest(txn, ref)
    if old is not None and not request.update:
        raise AlreadyExistsError(f'pipeline "{shown(ref)}" already exists')
    info = _new_info(request, old)
    root = specs.root_of(info.details)
    for source in specs.repos_in(root):
        repos.get(txn, specs.branch_of(source).repo)
    if old is None:
        _create_repos(txn, ref)
    spec = branches.start_commit(txn, pfs.Branch(repo=repo_of(ref, SPEC), name="master"))
    commits.finish(txn, files, spec)
    info.spec_commit.CopyFrom(spec.commit)
    info.details.created_at.CopyFrom(txn.now)
    info.stopped = old is not None and old.stopped
    info.state = pps.PIPELINE_PAUSED if info.stopped else pps.PIPELINE_STARTING
    info.parallelism = specs.expected_workers(info.details)
    txn.pipelines[f"{key(ref)}@{info.version}"] = info
    if old is not None:
        jobs.stop_all(txn, files, ref, "all jobs killed because pipeline was updated")
    sources = [] if info.stopped else _sources(info)
    branches.connect(txn, _output(info, USER), sources)
    if key(repo_of(ref, META)) not in txn.repos:
        repos.create(txn, repo_of(ref, META), f"Meta repo for pipeline {ref.name}")
    branches.connect(txn, _output(info, META), sources)


def start(txn: Txn, ref: pps.Pipeline) -> None:
    """Start a pipeline; if it was stopped, a job is created immediately."""
    pipeline = inspect(txn, ref)
    for kind in (USER, META):
        branches.connect(txn, _output(pipeline, kind), _sources(pipeline))
    replace(txn, pipeline, stopped=False)


def stop(txn: Txn, files: Files, ref: pps.Pipeline) -> None:
    """Stop a pipeline and kill its jobs. A missing pipeline is not an error."""
    pipeline = latest(txn, ref)
    if pipeline is None:
        return
    for kind in (USER, META):
        branches.connect(txn, _output(pipeline, kind), ())
    replace(txn, pipeline, stopped=True, state=pps.PIPELINE_PAUSED, reason="")
    jobs.stop_all(txn, files, ref, "all jobs killed because pipeline was stopped")


def replace(txn: Txn, pipeline: pps.PipelineInfo, **fields: object) -> None:
    """Change fields of a pipeline version."""
    txn.pipelines[f"{key(pipeline.pipeline)}@{pipeline.version}"] = changed(pipeline, **fields)


def delete(txn: Txn, files: Files, ref: pps.Pipeline, *, keep_repo: bool, force: bool) -> None:
    """Delete a pipeline with its jobs and repos. A missing pipeline is not an error."""
    pipeline = latest(txn, ref)
    if pipeline is None:
        return
    for job in owned(txn.jobs, key(ref)):
        jobs.end(txn, files, job.job, pps.JOB_KILLED, "job deleted")
        del txn.jobs[key(job.job)]
        txn.datums.pop(key(job.job), None)
    txn.pipelines = {name: each for name, each in txn.pipelines.items() if owner(name) != key(ref)}
    if keep_repo:
        branches.connect(txn, _output(pipeline, USER), ())
    targets = [key(repo_of(ref, kind)) for kind in ((SPEC, META) if keep_repo else (USER, SPEC, META))]
    branches.delete_repos(txn, [each for each in targets if each in txn.repos], force=force)


def end_of_change(txn: Txn) -> None:
    """Create the commits downstream of changed branches, and a job for each new open output commit."""
    if not branches.propagate(txn):
        return
    for info in commits.of_set(txn, txn.id):
        repo = info.commit.repo
        if repo.type == USER and not info.HasField("finished"):
            pipeline = latest(txn, pps.Pipeline(name=repo.name, project=repo.project))
            if pipeline is not None and info.commit.branch.name == pipeline.details.output_branch:
                jobs.create(txn, pipeline, info.commit)


def _new_info(request: pps.CreatePipelineRequest, old: pps.PipelineInfo | None) -> pps.PipelineInfo:
    specs.validate_request(request)
    if not request.salt or request.reprocess:
        request.salt = uuid.uuid4().hex
    info = pps.PipelineInfo(pipeline=request.pipeline, version=1)
    info.type = pps.PipelineInfo.PIPELINE_TYPE_TRANSFORM
    filled(info.details, request)
    specs.complete(info)
    if old is not None:
        info.version = old.version + 1
        if not request.reprocess:
            info.details.salt = old.details.salt
    return info


def _create_repos(txn: Txn, ref: pps.Pipeline) -> None:
    try:
        repos.create(txn, repo_of(ref), f"Output repo for pipeline {shown(ref)}.")
    except AlreadyExistsError:
        raise PachError(
            f'pipeline "{ref.name}" cannot be created because a repo with the same name already exists'
        ) from None
    repos.create(txn, repo_of(ref, SPEC), f"Spec repo for pipeline {shown(ref)}.", update=True)


def _output(pipeline: pps.PipelineInfo, kind: str) -> pfs.Branch:
    return pfs.Branch(repo=repo_of(pipeline.pipeline, kind), name=pipeline.details.output_branch)


def _sources(pipeline: pps.PipelineInfo) -> list[pfs.Branch]:
    found = [specs.branch_of(each) for each in specs.repos_in(specs.root_of(pipeline.details))]
    return [*found, pfs.Branch(repo=repo_of(pipeline.pipeline, SPEC), name="master")]
