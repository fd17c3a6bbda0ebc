"""Writes a pipeline as the JSON that Pachyderm 2.8 and later take and keep. Pure.

Those servers merge their administrator's defaults into what is left out: an absent field of the JSON, and a zero in the
older CreatePipelineRequest. So each field is named here. A zero or an empty list stays as it is; null removes what the
defaults have. Only maps (environment, labels, annotations, node selector) still take further entries from them.

What a server runs is the JSON merged with the defaults. The two differ without anybody having changed the pipeline, so
drift is looked for in the JSON that was submitted.
"""

import json
from typing import Any

from google.protobuf import json_format, wrappers_pb2

from scriptmodel_operator.engine.values import PipelineApply
from scriptmodel_operator.pachyderm.messages import create_request

_NOT_OF_THE_PIPELINE = frozenset({"detailsJson", "dryRun", "update", "reprocess", "specCommit", "salt"})
"""Fields about the request, which the server ignores or fills in. The first is no longer known to 2.8."""


def create_v2_request(pipeline: PipelineApply) -> bytes:
    """Return a CreatePipelineV2Request, which python-pachyderm lacks: 2.8 and later merge nothing into its JSON."""
    content = wrappers_pb2.StringValue(value=request_json(create_request(pipeline)))  # the JSON is field 1, too
    return content.SerializeToString() + b"\x18\x01" * pipeline.update + b"\x20\x01" * pipeline.reprocess


def request_json(request: Any) -> str:
    """Return a CreatePipelineRequest as JSON, with zeros and nulls for what it does not set."""
    content = _complete(request)
    return json.dumps({name: value for name, value in content.items() if name not in _NOT_OF_THE_PIPELINE})


def _complete(message: Any) -> dict[str, Any]:
    content: dict[str, Any] = json_format.MessageToDict(message, including_default_value_fields=True)
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.label != field.LABEL_REPEATED:
            present = message.HasField(field.name)
            content[field.json_name] = _complete(getattr(message, field.name)) if present else None
    return content
