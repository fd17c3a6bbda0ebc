"""Messages and fields of Pachyderm 2.8 and later that python-pachyderm lacks, as far as the operator uses them.

Their names and numbers are those of Pachyderm's own pps.proto and transaction.proto.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from scriptmodel_operator.pachyderm.protocol import pps

CREATE_PIPELINE_V2 = "/pps_v2.API/CreatePipelineV2"
PIPELINE_UPDATED_AT = 39
"""Field of a pipeline's details: when its newest version was made. From 2.11 on, `created_at` is that of the first."""
_PACKAGE = "scriptmodel.pachyderm"
_Field = descriptor_pb2.FieldDescriptorProto


def _message(name: str, *fields: tuple[int, str, Any]) -> Any:
    """Declare a message of optional fields: number, name, and either a scalar type or the name of a message."""
    declared = descriptor_pb2.DescriptorProto(name=name)
    for number, field, kind in fields:
        typed = {"type_name": kind, "type": _Field.TYPE_MESSAGE} if isinstance(kind, str) else {"type": kind}
        declared.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL, **typed)
    return declared


_FILE = descriptor_pb2.FileDescriptorProto(
    name="scriptmodel/pachyderm.proto",
    package=_PACKAGE,
    syntax="proto3",
    dependency=[pps.DESCRIPTOR.name],
    message_type=[
        _message(
            "CreatePipelineV2Request",
            (1, "create_pipeline_request_json", _Field.TYPE_STRING),
            (2, "dry_run", _Field.TYPE_BOOL),
            (3, "update", _Field.TYPE_BOOL),
            (4, "reprocess", _Field.TYPE_BOOL),
        ),
        _message("CreatePipelineTransaction", (1, "create_pipeline_request", ".pps_v2.CreatePipelineRequest")),
        _message("TransactionRequest", (11, "create_pipeline_v2", f".{_PACKAGE}.CreatePipelineTransaction")),
    ],
)
_POOL: Any = descriptor_pool.Default()  # type: ignore[no-untyped-call]  # the library does not annotate it
_POOL.Add(_FILE)


def _class(name: str) -> Any:
    descriptor = _POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.MessageFactory().GetPrototype(descriptor)


CreatePipelineV2Request = _class("CreatePipelineV2Request")
TransactionRequest = _class("TransactionRequest")
"""The field that holds a pipeline from 2.8 on. Parsed from the bytes of a request that has it as an unknown field."""
