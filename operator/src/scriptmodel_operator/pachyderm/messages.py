"""Converts between the operator's values and Pachyderm's messages. Pure."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format, wrappers_pb2

from scriptmodel_operator.engine.values import (
    BASE_INPUT,
    EACH_ENTRY,
    TRIAL_INPUT,
    WHOLE_REPO,
    BranchRef,
    CommitInfo,
    Datums,
    JobInfo,
    JobRef,
    JobState,
    LogLine,
    PipelineApply,
    PipelineInfo,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    PipelineState,
    PodSpec,
    PodToleration,
    RepoInfo,
    RepoRef,
    ResourceAmounts,
    as_float32,
)
from scriptmodel_operator.pachyderm.pod_patch import read_patch, written_patch
from scriptmodel_operator.pachyderm.protocol import pfs, pps

USER_REPO = "user"
REPROCESS_SPEC = "until_success"
_OPERATORS = {"Exists": 1, "Equal": 2}
_EFFECTS = {"": 0, "NoSchedule": 1, "PreferNoSchedule": 2, "NoExecute": 3}
_OPERATOR_NAMES = {0: "Exists", 1: "Exists", 2: "Equal"}
_NO_AMOUNTS = ResourceAmounts()
_ENDED = re.compile(r"errored running user code after [\w.µ]+: (.*\S)", re.DOTALL)
_REPEATED = re.compile(r"errored process datum set task: (?!context canceled)(.*\S)", re.DOTALL)
"""The worker's own error, after which it processes the datums from the beginning, without limit."""
_EFFECT_NAMES = {number: name for name, number in _EFFECTS.items()}


def repo_message(ref: RepoRef) -> Any:
    """Return a repo message with a type, without which inspecting and deleting have no effect."""
    return pfs.Repo(name=ref.name, type=USER_REPO, project=pfs.Project(name=ref.project))


def branch_message(ref: BranchRef) -> Any:
    return pfs.Branch(repo=repo_message(ref.repo), name=ref.name)


def commit_message(repo: RepoRef, commit: str) -> Any:
    """Return a commit message with an empty branch message, without which some calls crash the server."""
    message = repo_message(repo)
    return pfs.Commit(repo=message, id=commit, branch=pfs.Branch(repo=message))


def pipeline_message(ref: PipelineRef) -> Any:
    return pps.Pipeline(project=pfs.Project(name=ref.project), name=ref.name)


def job_message(ref: JobRef) -> Any:
    return pps.Job(pipeline=pipeline_message(ref.pipeline), id=ref.id)


def create_request(pipeline: PipelineApply) -> Any:
    """Return a CreatePipelineRequest with every relevant field set, so that the server adds no default."""
    spec = pipeline.spec
    return pps.CreatePipelineRequest(
        pipeline=pipeline_message(spec.ref),
        transform=pps.Transform(
            image=spec.image, cmd=list(spec.command), image_pull_secrets=list(spec.pods.image_pull_secrets)
        ),
        parallelism_spec=pps.ParallelismSpec(constant=spec.datums.workers),
        input=_input(spec),
        output_branch="master",
        datum_tries=spec.datums.tries,
        reprocess_spec=REPROCESS_SPEC,
        autoscaling=spec.datums.autoscaling,
        datum_set_spec=pps.DatumSetSpec(number=spec.datums.per_task) if spec.datums.per_task else None,
        resource_requests=_resources(spec.requests),
        resource_limits=_resources(spec.limits),
        scheduling_spec=_scheduling(spec),
        tolerations=[_toleration(item) for item in spec.pods.tolerations],
        pod_patch=spec.pods.patch or written_patch(spec.pods, spec.ref),
        description=spec.description,
        metadata=pps.Metadata(annotations=dict(spec.annotations), labels=dict(spec.pods.labels)),
        update=pipeline.update,
        reprocess=pipeline.reprocess,
    )


def _input(spec: PipelineSpec) -> Any:
    """Return the input; several branches are crossed, so that each datum has something of each."""
    globs = {BASE_INPUT: WHOLE_REPO, TRIAL_INPUT: EACH_ENTRY, spec.input.name: spec.input.glob}
    found = [_branch_input(branch, name, globs[name]) for name, branch in spec.input.branches]
    return pps.Input(cross=found) if len(found) > 1 else found[0]


def _branch_input(branch: BranchRef, name: str, glob: str) -> Any:
    source = pps.PFSInput(
        project=branch.repo.project,
        repo=branch.repo.name,
        repo_type=USER_REPO,
        branch=branch.name,
        name=name,
        glob=glob,
    )
    return pps.Input(pfs=source)


def _resources(amounts: ResourceAmounts) -> Any:
    if amounts == _NO_AMOUNTS:
        return None
    gpu = pps.GPUSpec(type=amounts.gpu_type, number=amounts.gpu_count) if amounts.gpu_count else None
    return pps.ResourceSpec(cpu=amounts.cpu, memory=amounts.memory, gpu=gpu)


def _scheduling(spec: PipelineSpec) -> Any:
    pods = spec.pods
    if not pods.node_selector and not pods.priority_class:
        return None
    return pps.SchedulingSpec(node_selector=dict(pods.node_selector), priority_class_name=pods.priority_class)


def _toleration(item: PodToleration) -> Any:
    seconds = None if item.seconds is None else wrappers_pb2.Int64Value(value=item.seconds)
    return pps.Toleration(
        key=item.key,
        operator=_OPERATORS[item.operator],
        value=item.value,
        effect=_EFFECTS[item.effect],
        toleration_seconds=seconds,
    )


def pipeline_info(message: Any) -> PipelineInfo:
    """Convert a PipelineInfo with its details, which lists always have."""
    ref = PipelineRef(message.pipeline.project.name, message.pipeline.name)
    details = message.details
    return PipelineInfo(
        ref=ref,
        version=int(message.version),
        state=PipelineState(message.state),
        reason=message.reason or details.reason,
        stopped=bool(message.stopped),
        spec=projection(ref, details),
        inputs=tuple(_inputs(details.input, ref)),
        submitted=_submitted(ref, message.details_json),  # the field that 2.8 renamed user_spec_json
    )


def _submitted(ref: PipelineRef, text: str) -> PipelineSpec | None:
    """Return the fields that the operator sets; None if a server before 2.8 has no text, or it is no pipeline."""
    request = pps.CreatePipelineRequest()
    try:
        json_format.Parse(text, request, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, TypeError, RecursionError):
        return None
    return projection(ref, request)


def projection(ref: PipelineRef, details: Any) -> PipelineSpec:
    """Return exactly the fields that the operator sets, from a pipeline's details or a CreatePipelineRequest."""
    crossed = [each.pfs for each in details.input.cross if each.HasField("pfs")]
    base = next((each for each in crossed if each.name == BASE_INPUT), None)
    trials = next((each for each in crossed if (each.name, each.glob) == (TRIAL_INPUT, EACH_ENTRY)), None)
    source = next((each for each in crossed if each is not base and each is not trials), details.input.pfs)
    branch = _branch_of(source, ref)
    known = sum(each is not None for each in (source, base, trials))
    scheduling = details.scheduling_spec if details.HasField("scheduling_spec") else None
    return PipelineSpec(
        ref=ref,
        image=sys.intern(details.transform.image),
        command=tuple(map(sys.intern, details.transform.cmd[:])),  # most words stand in every pipeline's
        input=PipelineInput(
            name=source.name or branch.repo.name,
            branch=branch,
            glob=source.glob,
            base=_branch_of(base, ref) if base else None,
            trials=_branch_of(trials, ref) if trials else None,
            others=max(len(details.input.cross) - known, 0),
        ),
        datums=Datums(
            tries=int(details.datum_tries),
            workers=int(details.parallelism_spec.constant) or 1,
            autoscaling=bool(details.autoscaling),
            per_task=int(details.datum_set_spec.number),
        ),
        requests=_amounts(details, "resource_requests"),
        limits=_amounts(details, "resource_limits"),
        pods=PodSpec(
            node_selector=tuple(sorted(scheduling.node_selector.items())) if scheduling else (),
            tolerations=tuple(_pod_toleration(item) for item in details.tolerations),
            priority_class=scheduling.priority_class_name if scheduling else "",
            image_pull_secrets=tuple(details.transform.image_pull_secrets),
            labels=tuple(sorted(details.metadata.labels.items())),
            **read_patch(details.pod_patch, ref),
        ),
        description=details.description,
        annotations=dict(details.metadata.annotations),
    )


def _amounts(details: Any, name: str) -> ResourceAmounts:
    if not details.HasField(name):
        return _NO_AMOUNTS
    message = getattr(details, name)
    return ResourceAmounts(
        cpu=as_float32(message.cpu), memory=message.memory, gpu_type=message.gpu.type, gpu_count=int(message.gpu.number)
    )


def _pod_toleration(message: Any) -> PodToleration:
    seconds = int(message.toleration_seconds.value) if message.HasField("toleration_seconds") else None
    operator = _OPERATOR_NAMES.get(message.operator, str(message.operator))
    effect = _EFFECT_NAMES.get(message.effect, str(message.effect))
    return PodToleration(message.key, operator, message.value, effect, seconds)


def _branch_of(source: Any, pipeline: PipelineRef) -> BranchRef:
    """Return the branch of an input; what its author left out has the server's defaults."""
    return BranchRef(RepoRef(source.project or pipeline.project, source.repo), source.branch or "master")


def _inputs(message: Any, pipeline: PipelineRef) -> Iterator[BranchRef]:
    """Return every branch that a pipeline reads, however its inputs are nested: a reader blocks a deletion."""
    if message.HasField("pfs"):
        yield _branch_of(message.pfs, pipeline)
    for kind in ("join", "group", "cross", "union"):
        for child in getattr(message, kind):
            yield from _inputs(child, pipeline)


def job_info(message: Any) -> JobInfo:
    pipeline = PipelineRef(message.job.pipeline.project.name, message.job.pipeline.name)
    return JobInfo(
        ref=JobRef(pipeline, message.job.id),
        version=int(message.pipeline_version),
        state=JobState(message.state),
        reason=message.reason,
        created=moment(message, "created"),
        started=moment(message, "started"),
        finished=moment(message, "finished"),
        data_total=int(message.data_total),
        data_processed=int(message.data_processed),
        data_skipped=int(message.data_skipped),
    )


def repo_info(message: Any) -> RepoInfo:
    return RepoInfo(
        ref=RepoRef(message.repo.project.name, message.repo.name),
        description=message.description,
        branches=tuple(branch.name for branch in message.branches),
        size_bytes=message.size_bytes_upper_bound,
    )


def commit_info(message: Any) -> CommitInfo:
    repo = message.commit.repo if message.commit.HasField("repo") else message.commit.branch.repo
    return CommitInfo(
        repo=RepoRef(repo.project.name, repo.name),
        id=message.commit.id,
        finished=message.HasField("finished"),
        finishing=message.HasField("finishing") and not message.HasField("finished"),
        finished_at=moment(message, "finished"),
        error=message.error,
        size_bytes=int(message.details.size_bytes or message.size_bytes_upper_bound),
        provenance=tuple(_provenance(message)),
    )


def _provenance(message: Any) -> Iterator[tuple[RepoRef, str]]:
    for commit in message.direct_provenance:
        repo = commit.repo if commit.HasField("repo") else commit.branch.repo
        if repo.type == USER_REPO:
            yield RepoRef(repo.project.name, repo.name), commit.id


def log_line(message: Any) -> LogLine | None:
    """Convert a LogMessage; return None for a line about the worker itself that says nothing about the job."""
    when = moment(message, "ts")
    if message.user:
        return LogLine(message.message.rstrip("\n"), when)
    if ended := _ENDED.match(message.message):
        return LogLine(ended[1], when, verdict=True)
    repeated = _REPEATED.match(message.message)
    return LogLine(repeated[1], when, worker_error=True) if repeated else None


def moment(message: Any, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    stamp = getattr(message, name)
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, tz=UTC)
