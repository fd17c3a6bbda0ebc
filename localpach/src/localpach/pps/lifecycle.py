"""Pipeline lifecycle: create, update, start, stop and delete, each in one transaction."""

import uuid
from collections.abc import Iterable

from localpach.errors import AlreadyExistsError, NotFoundError, PachError
from localpach.messages import commit_message, copy_fields, pipeline_ref, pps, timestamp
from localpach.names import parse_ancestry
from localpach.pfs import branches, commitsets, repos
from localpach.pfs.content import CommitContent
from localpach.pps import inputs, jobs, validation
from localpach.pps.pipelines import Pipeline, expected_workers, find_latest, inspect, set_state
from localpach.pps.states import PipelineState
from localpach.refs import META, SPEC, USER, BranchRef, JobRef, PipelineRef, RepoRef
from localpach.store.database import Txn


def create(txn: Txn, content: CommitContent, request: pps.CreatePipelineRequest) -> None:
    """Create a pipeline or a new version of it, with its repos, branches and first job."""
    request.pipeline.name = parse_ancestry(request.pipeline.name)[0]
    ref = pipeline_ref(request.pipeline)
    old = _existing(txn, ref)
    if old is not None and not request.update:
        raise AlreadyExistsError(f'pipeline "{ref}" already exists')
    info = _new_info(request, old)
    details = info.details
    root = details.input if details.HasField("input") else None
    for node in inputs.visit(root):
        if node.HasField("pfs"):
            repos.get(txn, RepoRef(node.pfs.project, node.pfs.repo, node.pfs.repo_type))
    parallelism = expected_workers(details)
    if old is None:
        _create_repos(txn, ref)
    spec = branches.start_commit(txn, ref.repo(SPEC).branch("master"), None, "")
    content.finish(txn, spec)
    info.spec_commit.CopyFrom(commit_message(ref.repo(SPEC), spec.uuid, "master"))
    details.created_at.CopyFrom(timestamp(txn.now))
    stopped = old is not None and old.stopped
    state = PipelineState.PAUSED if stopped else PipelineState.STARTING
    txn.db.execute(
        "INSERT INTO pipelines (project, name, version, spec_commit, state, stopped, parallelism, info)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (ref.project, ref.name, info.version, spec.uuid, state, stopped, parallelism, info.SerializeToString()),
    )
    if old is not None:
        jobs.stop_all(txn, content, ref, "all jobs killed because pipeline was updated")
    provenance = [] if stopped else _provenance(ref, root)
    output = ref.repo().branch(details.output_branch)
    try:
        branches.create(txn, output, None, provenance)
    except PachError as error:
        raise error.within("could not create/update output branch") from None
    if repos.find(txn, ref.repo(META)) is None:
        repos.create(txn, ref.repo(META), f"Meta repo for pipeline {ref.name}")
    branches.create(txn, ref.repo(META).branch(details.output_branch), None, provenance)
    txn.changed_keys.add("pipelines")


def start(txn: Txn, ref: PipelineRef) -> None:
    """Start a pipeline; if it was stopped, a job is created immediately."""
    pipeline = inspect(txn, ref)
    details = pipeline.message().details
    provenance = _provenance(pipeline.ref, details.input if details.HasField("input") else None)
    for kind in (USER, META):
        branches.create(txn, pipeline.ref.repo(kind).branch(details.output_branch), None, provenance)
    txn.db.execute("UPDATE pipelines SET stopped = 0 WHERE id = ?", (pipeline.id,))
    txn.changed_keys.add("pipelines")


def stop(txn: Txn, content: CommitContent, ref: PipelineRef) -> None:
    """Stop a pipeline and kill its jobs. A missing pipeline is not an error."""
    try:
        pipeline = inspect(txn, ref)
    except NotFoundError:
        pipeline = None
    if pipeline is not None:
        ref = pipeline.ref
        branch = pipeline.message().details.output_branch
        for kind in (USER, META):
            branches.create(txn, ref.repo(kind).branch(branch), None, ())
        txn.db.execute("UPDATE pipelines SET stopped = 1 WHERE id = ?", (pipeline.id,))
        set_state(txn, pipeline, PipelineState.PAUSED)
    jobs.stop_all(txn, content, ref, "all jobs killed because pipeline was stopped")
    txn.changed_keys.add("pipelines")


def delete(txn: Txn, content: CommitContent, refs: Iterable[PipelineRef], *, keep_repo: bool, force: bool) -> None:
    """Delete pipelines with their jobs and repos. Missing pipelines are not an error."""
    targets: list[repos.Repo] = []
    for ref in refs:
        pipeline = find_latest(txn, ref)
        if pipeline is None:
            continue
        for job in jobs.list_all(txn, ref):
            jobs.delete(txn, content, job.ref)
        txn.db.execute("DELETE FROM pipelines WHERE project = ? AND name = ?", (ref.project, ref.name))
        if keep_repo:
            branches.create(txn, ref.repo().branch(pipeline.message().details.output_branch), None, ())
        kinds = (SPEC, META) if keep_repo else (USER, SPEC, META)
        targets += [repo for kind in kinds if (repo := repos.find(txn, ref.repo(kind))) is not None]
        txn.changed_keys.add("pipelines")
    commitsets.delete_repos(txn, content, targets, force=force)


def create_jobs(txn: Txn) -> None:
    """Create a job for each new open output commit, at the end of a transaction."""
    if not txn.new_downstream:
        return
    for commit in commitsets.members(txn, txn.set_id, with_aliases=False):
        if commit.finishing is not None or commit.repo.type != USER:
            continue
        ref = PipelineRef(commit.repo.name, commit.repo.project)
        pipeline = find_latest(txn, ref)
        if pipeline is None or commit.branch != pipeline.message().details.output_branch:
            continue
        jobs.create(txn, JobRef(ref, commit.uuid), pipeline.version, commit.branch)


def _existing(txn: Txn, ref: PipelineRef) -> Pipeline | None:
    try:
        return inspect(txn, ref)
    except NotFoundError:
        return None


def _new_info(request: pps.CreatePipelineRequest, old: Pipeline | None) -> pps.PipelineInfo:
    validation.validate_request(request)
    if not request.salt or request.reprocess:
        request.salt = uuid.uuid4().hex
    info = pps.PipelineInfo(pipeline=request.pipeline, version=1)
    info.type = pps.PipelineInfo.PIPELINE_TYPE_TRANSFORM
    copy_fields(request, info.details)
    validation.complete(info)
    if old is not None:
        info.version = old.version + 1
        if not request.reprocess:
            info.details.salt = old.message().details.salt
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
    return [*inputs.branches_of(ref.project, root), ref.repo(SPEC).branch("master")]
