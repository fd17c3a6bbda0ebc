"""A Pachyderm server's messages about a pipeline, with the fields that the server fills in."""

from typing import Any

from scriptmodel_operator.engine.values import PipelineApply, PipelineInfo
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.protocol import pps


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
