"""Fields of requests that localpach does not carry out."""

from typing import Any

from localpach.errors import UnimplementedError
from localpach.messages import pfs, pps

_PAGES = ("number", "reverse", "paginationMarker")
UNSUPPORTED: dict[type, tuple[str, ...]] = {
    pfs.ListCommitRequest: ("reverse", "started_time"),
    pfs.ListBranchRequest: ("reverse",),
    pfs.CreateBranchRequest: ("trigger",),
    pfs.ListFileRequest: _PAGES,
    pfs.WalkFileRequest: _PAGES,
    pfs.GlobFileRequest: ("path_range",),
    pfs.GetFileRequest: ("URL", "path_range"),
    pps.ListPipelineRequest: ("commit_set", "jqFilter"),
    pps.DeletePipelineRequest: ("all",),
    pps.ListJobRequest: ("input_commit", "jqFilter", "reverse", "paginationMarker"),
    pps.ListJobSetRequest: ("jqFilter", "reverse", "paginationMarker"),
    pps.ListDatumRequest: ("input", *_PAGES),
    pps.GetLogsRequest: ("data_filters", "master", "use_loki_backend"),
}
"""Fields that localpach does not carry out, by the request."""


def check_call(request: Any) -> None:
    """Raise UnimplementedError if an unsupported field of a request is set. Streams have none."""
    unsupported = UNSUPPORTED.get(type(request), ())
    for field, _ in request.ListFields() if unsupported else ():
        if field.name in unsupported:
            raise UnimplementedError(f"localpach does not support {field.name} of a {type(request).__name__}")
