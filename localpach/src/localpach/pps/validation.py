"""Validation and defaults of pipelines, in the order and the words of the real server."""

from localpach.errors import PachError, UnimplementedError
from localpach.messages import pps
from localpach.names import DEFAULT_PROJECT, validate_name
from localpach.pps import inputs
from localpach.pps.pod_patch import check_mounts, parse_pod_patch

MAX_NAME = 51
MAX_KUBERNETES_NAME = 63
DEFAULT_IMAGE = "ubuntu:20.04"
DEFAULT_TRIES = 3
UNTIL_SUCCESS = "until_success"
EVERY_JOB = "every_job"
UNSUPPORTED = {
    "spout": "put the data into a repo instead",
    "service": "run the service separately",
    "egress": "read the output repo and upload it yourself",
    "s3_out": "write to /pfs/out",
    "determined": "remove it",
    "tf_job": "run the command yourself",
    "pod_spec": "use pod_patch",
    "spec_commit": "create the pipeline without it",
    "job_timeout": "limit each datum by datum_timeout",
}
"""Fields of a pipeline that localpach does not carry out, with what to do instead."""
UNSUPPORTED_IN_TRANSFORM = {
    "datum_batching": "it starts the command once for each datum",
    "secrets": "pass the values in env",
    "err_cmd": "handle the error in the command",
    "accept_return_code": "let the command end with 0",
}


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
    _reject_unsupported(request)
    if not request.HasField("transform"):
        raise PachError("pipeline must specify a transform")
    if request.reprocess_spec not in ("", UNTIL_SUCCESS, EVERY_JOB):
        raise PachError(f"invalid pipeline spec: ReprocessSpec must be one of '{UNTIL_SUCCESS}' or '{EVERY_JOB}'")
    _validate_tolerations(request)


def complete(info: pps.PipelineInfo) -> None:
    details = info.details
    details.transform.image = details.transform.image or DEFAULT_IMAGE
    root = details.input if details.HasField("input") else None
    inputs.set_defaults(root)
    details.output_branch = details.output_branch or "master"
    details.datum_tries = details.datum_tries or DEFAULT_TRIES
    details.reprocess_spec = details.reprocess_spec or UNTIL_SUCCESS
    if not info.pipeline.name[0].isalnum():
        raise PachError("pipeline names must start with an alphanumeric character")
    inputs.validate(info.pipeline.project.name or DEFAULT_PROJECT, root)
    check_mounts(parse_pod_patch(details.pod_patch))


def _reject_unsupported(request: pps.CreatePipelineRequest) -> None:
    for message, names in ((request, UNSUPPORTED), (request.transform, UNSUPPORTED_IN_TRANSFORM)):
        for field, _ in message.ListFields():
            if field.name in names:
                raise UnimplementedError(f"localpach does not support {field.name}: {names[field.name]}")


def _validate_tolerations(request: pps.CreatePipelineRequest) -> None:
    count = len(request.tolerations)
    problems = [
        f"toleration {number}/{count}: cannot omit key/value comparison operator; specify EQUAL or EXISTS"
        for number, toleration in enumerate(request.tolerations, 1)
        if toleration.operator == pps.TolerationOperator.EMPTY
    ]
    if problems:
        raise PachError("\n".join(problems))
