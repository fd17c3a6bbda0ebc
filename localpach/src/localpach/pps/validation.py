"""Validation and defaults of pipelines, in the order and the words of the real server."""

from __future__ import annotations

import json
from dataclasses import dataclass

from localpach.errors import PachError, UnimplementedError
from localpach.messages import pps
from localpach.names import DEFAULT_PROJECT, validate_name
from localpach.pps import inputs
from localpach.pps.pod_patch import parse_pod_patch

MAX_NAME = 51
MAX_KUBERNETES_NAME = 63
MAX_PARALLELISM = 8
DEFAULT_IMAGE = "ubuntu:20.04"
DEFAULT_TRIES = 3
UNTIL_SUCCESS = "until_success"
EVERY_JOB = "every_job"
_PRODUCT = "Pachyderm Community Edition"
_CALL_TO_ACTION = (
    "Use the command `pachctl license activate` to enter your key.\n\n"
    "Pachyderm offers readily available activation keys for proofs-of-concept, startups, academic, "
    "nonprofit, or open-source projects. Tell us about your project to get one.\n\n"
    "Learn about Pachyderm Enterprise here:\n\nhttps://www.pachyderm.com/trial"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an unlicensed server. 0 means no limit."""

    pipelines: int = 16
    parallelism: int = MAX_PARALLELISM

    def check(self, existing: int, request: pps.CreatePipelineRequest) -> None:
        """Raise PachError for a new pipeline beyond the limits; ``existing`` is the number of names in use."""
        if self.pipelines and existing >= self.pipelines:
            raise PachError(
                f"{_PRODUCT} requires an activation key to create more than {self.pipelines} total pipelines "
                f"(you have {existing}). {_CALL_TO_ACTION}"
            )
        if self.parallelism and request.parallelism_spec.constant > self.parallelism:
            raise PachError(
                f"{_PRODUCT} requires an activation key to create pipelines with parallelism more than "
                f"{self.parallelism}. {_CALL_TO_ACTION}"
            )


def kubernetes_name(project: str, pipeline: str, version: int) -> str:
    """Return the name that the pipeline's ReplicationController would have."""
    base = pipeline if not project else f"{project}-{pipeline}"
    return f"{base.replace('_', '-')}-v{version}".lower()


def validate_request(request: pps.CreatePipelineRequest) -> None:
    """Raise PachError for an invalid request, before defaults are set."""
    name = request.pipeline.name
    if not name:
        raise PachError("invalid pipeline spec: request.Pipeline.Name cannot be empty")
    try:
        validate_name(name)
    except PachError as error:
        raise error.within("invalid pipeline name") from None
    if len(name) > MAX_NAME:
        raise PachError(f'pipeline name "{name}" is {len(name) - MAX_NAME} characters longer than the {MAX_NAME} max')
    pod = kubernetes_name(request.pipeline.project.name, name, 99)
    if len(pod) > MAX_KUBERNETES_NAME:
        excess = len(pod) - MAX_KUBERNETES_NAME
        raise PachError(f'Kubernetes name "{pod}" is {excess} characters longer than the {MAX_KUBERNETES_NAME} max')
    if request.HasField("tf_job"):
        raise PachError("embedding TFJobs in pipelines is not supported yet")
    _reject_unsupported(request)
    if not request.HasField("transform"):
        raise PachError("pipeline must specify a transform")
    if request.reprocess_spec not in ("", UNTIL_SUCCESS, EVERY_JOB):
        raise PachError(f"invalid pipeline spec: ReprocessSpec must be one of '{UNTIL_SUCCESS}' or '{EVERY_JOB}'")
    _validate_tolerations(request)


def complete(info: pps.PipelineInfo) -> None:
    """Set the defaults of a new pipeline and validate the result."""
    details = info.details
    details.transform.image = details.transform.image or DEFAULT_IMAGE
    root = details.input if details.HasField("input") else None
    inputs.set_defaults(info.pipeline.name, root)
    details.output_branch = details.output_branch or "master"
    details.datum_tries = details.datum_tries or DEFAULT_TRIES
    details.reprocess_spec = details.reprocess_spec or UNTIL_SUCCESS
    if not info.pipeline.name[0].isalnum():
        raise PachError("pipeline names must start with an alphanumeric character")
    inputs.validate(info.pipeline.project.name or DEFAULT_PROJECT, root)
    try:
        json.loads(details.pod_spec or "{}")
    except ValueError:
        raise PachError("malformed PodSpec") from None
    parse_pod_patch(details.pod_patch)


def _reject_unsupported(request: pps.CreatePipelineRequest) -> None:
    if request.HasField("spout"):
        raise UnimplementedError("localpach does not support spouts: put the data into a repo instead")
    if request.HasField("service"):
        raise UnimplementedError("localpach does not support service pipelines: run the service separately")
    if request.HasField("egress"):
        raise UnimplementedError("localpach does not support egress: read the output repo and upload it yourself")
    if request.s3_out:
        raise UnimplementedError("localpach does not support S3 output (s3_out): write to /pfs/out")
    if request.HasField("determined"):
        raise UnimplementedError("localpach does not support Determined: remove determined")
    if request.transform.datum_batching:
        raise UnimplementedError("localpach does not support datum batching: it starts the command once for each datum")
    if request.HasField("spec_commit"):
        raise UnimplementedError("localpach does not support spec_commit: create the pipeline without it")


def _validate_tolerations(request: pps.CreatePipelineRequest) -> None:
    count = len(request.tolerations)
    problems = [
        f"toleration {number}/{count}: cannot omit key/value comparison operator; specify EQUAL or EXISTS"
        for number, toleration in enumerate(request.tolerations, 1)
        if toleration.operator == pps.TolerationOperator.EMPTY
    ]
    if problems:
        raise PachError("\n".join(problems))
