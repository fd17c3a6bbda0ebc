"""The PFS service."""

from __future__ import annotations

from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc

from localpach.api.pfs_commits import CommitCalls
from localpach.api.pfs_files import FileCalls
from localpach.api.pfs_repos import RepoCalls
from localpach.backend import Backend


class PfsService(RepoCalls, CommitCalls, FileCalls, pfs_pb2_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    """The PFS service: projects, repos, branches, commits and files."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend


def unsupported() -> dict[str, str]:
    """Return the unsupported calls, each with a message."""
    base = "/pfs_v2.API/"
    return {
        base + "ActivateAuth": "localpach does not support auth: it is for one user on one machine",
        base + "Fsck": "localpach does not support fsck: stop it and run `localpach check --root DIR`",
        base + "CheckStorage": "localpach does not support CheckStorage: stop it and run `localpach check --root DIR`",
        base + "PutCache": "localpach does not support the cache service",
        base + "GetCache": "localpach does not support the cache service",
        base + "ClearCache": "localpach does not support the cache service",
        base + "RunLoadTest": "localpach does not support load tests",
        base + "RunLoadTestDefault": "localpach does not support load tests",
        base + "ListTask": "localpach does not support distributed tasks",
        base + "Egress": "localpach does not support egress: read the commit and upload it yourself",
    }
