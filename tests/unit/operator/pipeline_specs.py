"""Pipelines with few and with all fields, and defaults that a server merges into them."""

from dataclasses import fields, replace
from typing import Any

from scriptmodel_operator.engine.values import (
    BranchRef,
    PipelineApply,
    PipelineInfo,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    PodToleration,
    RepoRef,
    ResourceAmounts,
    as_float32,
)
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.protocol import pps

PLAIN = PipelineSpec(
    ref=PipelineRef("drama", "thrones-train"),
    image="trainer:1",
    command=("scriptmodel-trainer", "train"),
    input=PipelineInput("corpus", BranchRef(RepoRef("drama", "plays"), "master"), "/"),
)


def changed(spec: PipelineSpec, **changes: Any) -> PipelineSpec:
    """Return a pipeline with other values of its fields, or of those of its parts."""
    for part in ("input", "datums", "pods"):
        before = getattr(spec, part)
        inner = {each.name: changes.pop(each.name) for each in fields(before) if each.name in changes}
        spec = replace(spec, **{part: replace(before, **inner)})
    return replace(spec, **changes)


FULL = changed(
    PLAIN,
    tries=3,
    autoscaling=False,
    requests=ResourceAmounts(cpu=as_float32(0.1), memory="1Gi"),
    limits=ResourceAmounts(cpu=as_float32(1.5), memory="2Gi", gpu_type="nvidia.com/gpu", gpu_count=1),
    node_selector=(("disk", "ssd"), ("zone", "a")),
    tolerations=(PodToleration("gpu", "Exists"), PodToleration("k", "Equal", "v", "NoExecute", 30)),
    priority_class="high",
    runtime_class="nvidia",
    claim="checkpoints",
    variables=(("SCRIPTMODEL_BUDGET_SECONDS", "3"),),
    image_pull_secrets=("registry",),
    description="Trains a model",
    annotations={"scriptmodel.dev/mark": "{}"},
    labels=(("kueue.x-k8s.io/queue-name", "gpus"),),
    base=BranchRef(RepoRef("drama", "thrones-base"), "5f-12345678"),
    trials=BranchRef(RepoRef("drama", "thrones-trials"), "master"),
    workers=3,
    per_task=1,
)
DEFAULTS: dict[str, Any] = {
    "transform": {"image": "ubuntu:20.04", "datumBatching": True, "workingDir": "/tmp", "errCmd": ["true"]},
    "parallelismSpec": {"constant": "4"},
    "resourceRequests": {"cpu": 1, "memory": "256Mi", "disk": "1Gi"},
    "resourceLimits": {"cpu": 2, "memory": "4Gi", "gpu": {"type": "nvidia.com/gpu", "number": "1"}},
    "sidecarResourceRequests": {"cpu": 1, "memory": "256Mi"},
    "sidecarResourceLimits": {"cpu": 2},
    "tolerations": [{"key": "gpu", "operator": "EXISTS"}],
    "schedulingSpec": {"priorityClassName": "low"},
    "datumTimeout": "60s",
    "jobTimeout": "60s",
    "datumSetSpec": {"number": "2"},
    "podPatch": "[]",
    "s3Out": True,
    "autoscaling": True,
    "reprocessSpec": "every_job",
}


def observed(applied: PipelineApply, submitted: str = "") -> PipelineInfo:
    """Return the pipeline that the operator's own request makes, with the JSON that the server keeps."""
    return made_by(messages.create_request(applied), submitted)


def made_by(request: Any, submitted: str = "") -> PipelineInfo:
    """Through the wire's own bytes, so that floats are as wide as the protocol has them."""
    answer = pps.PipelineInfo(pipeline=request.pipeline, version=1, state=2, details_json=submitted)
    details = answer.details
    for field, value in request.ListFields():
        if field.name in type(details).DESCRIPTOR.fields_by_name:
            if field.label == field.LABEL_REPEATED:
                getattr(details, field.name).extend(value)
            elif field.message_type:
                getattr(details, field.name).CopyFrom(value)
            else:
                setattr(details, field.name, value)
    details.salt = "salt"
    details.created_at.GetCurrentTime()
    return messages.pipeline_info(pps.PipelineInfo.FromString(answer.SerializeToString()))
