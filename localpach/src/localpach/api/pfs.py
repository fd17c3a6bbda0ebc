"""The PFS service."""

from __future__ import annotations

from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc

from localpach.api.pfs_commits import CommitCalls
from localpach.api.pfs_files import FileCalls
from localpach.api.pfs_repos import RepoCalls
from localpach.service import Service


class PfsService(RepoCalls, CommitCalls, FileCalls, pfs_pb2_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    """Projects, repos, branches, commits and files."""

    def __init__(self, service: Service) -> None:
        self._service = service


def left_out() -> dict[str, str]:
    """Calls that are knowingly not here, each with a sentence."""
    base = "/pfs_v2.API/"
    return {
        base + "ActivateAuth": "localpach has no auth: it is for one person on one machine",
        base + "Fsck": "localpach has no fsck call: run `localpach check --root DIR` while it is stopped",
        base + "CheckStorage": "localpach has no chunk store: run `localpach check --root DIR` while it is stopped",
        base + "PutCache": "localpach has no cache service",
        base + "GetCache": "localpach has no cache service",
        base + "ClearCache": "localpach has no cache service",
        base + "RunLoadTest": "localpach runs no load tests of itself",
        base + "RunLoadTestDefault": "localpach runs no load tests of itself",
        base + "ListTask": "localpach has no distributed tasks",
        base + "Egress": "localpach has no egress: read the commit and send it on yourself",
    }
