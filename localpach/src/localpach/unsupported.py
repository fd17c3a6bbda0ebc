"""Fields of requests that localpach does not carry out."""

from typing import Any

from localpach.errors import UnimplementedError

_PAGES = {"number", "reverse", "paginationMarker"}
UNSUPPORTED = {
    "ListBranchRequest": {"reverse"},
    "File": {"datum"},
    "AddFile": {"datum"},
    "DeleteFile": {"datum"},
    "CopyFile": {"datum"},
    "WalkFileRequest": _PAGES,
    "GetFileRequest": {"URL", "path_range", "offset"},
    "StartCommitRequest": {"parent"},
    "FinishCommitRequest": {"force"},
    "ListPipelineRequest": {"commit_set", "jqFilter"},
    "DeletePipelineRequest": {"all"},
    "ListJobRequest": {"input_commit", "jqFilter", "reverse", "paginationMarker"},
    "GetLogsRequest": {"data_filters", "datum", "master", "since", "tail", "use_loki_backend"},
    "CreatePipelineRequest": {
        *("spout", "service", "egress", "s3_out", "determined", "tf_job", "pod_spec", "spec_commit"),
        *("job_timeout", "datum_timeout"),
    },
    "Transform": {*("datum_batching", "secrets", "err_cmd", "accept_return_code", "env", "stdin", "working_dir")},
    "Input": {"union", "join", "group", "cron"},
    "PFSInput": {"commit", "s3", "trigger", "join_on", "group_by", "outer_join"},
}
"""Fields that localpach does not carry out, by the message."""


def checked(message: Any) -> Any:
    """Return a message. Raises UnimplementedError if an unsupported field of it is set, or of one in it."""
    kind = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        if field.name in UNSUPPORTED.get(kind, ()):
            raise UnimplementedError(f"localpach does not support {field.name} of a {kind}: remove it")
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for each in value if field.label == field.LABEL_REPEATED else [value]:
                checked(each)
    return message
