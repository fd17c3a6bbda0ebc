"""The services that describe the server: version, admin, health."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from localpach import __version__
from localpach.errors import PachError
from localpach.pfs import projects
from localpach.protocol import admin, admin_grpc, version, version_grpc
from localpach.store.database import Database

VERSION = (2, 7, 8)
_NO_VERSION = (
    "WARNING: The client used to connect to Pachyderm did not send its version, which means that it is likely too old."
    "  Please upgrade it."
)
_CLIENT_OLD = (
    "WARNING: The client used to connect to Pachyderm is much older than the server; please upgrade the client."
)
_CLIENT_NEW = (
    "WARNING: The client used to connect to Pachyderm is much newer than the server; please use a version of the "
    "client that matches the server."
)
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse with status SERVING


class VersionService(version_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    def GetVersion(self, request: Empty, context: grpc.ServicerContext) -> version.Version:
        """Return the version of Pachyderm that localpach behaves like, with localpach's own as the commit."""
        major, minor, micro = VERSION
        return version.Version(
            major=major, minor=minor, micro=micro, additional="", platform="localpach", git_commit=__version__
        )


class AdminService(admin_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    """The admin service; the cluster is one machine."""

    def __init__(self, db: Database, cluster_id: str) -> None:
        self._db = db
        self._id = cluster_id

    def InspectCluster(self, request: admin.InspectClusterRequest, context: grpc.ServicerContext) -> admin.ClusterInfo:
        """Return the ids of the cluster, and warnings about the version of the client."""
        return admin.ClusterInfo(
            id=self._id,
            deployment_id=self._id,
            version_warnings_ok=True,
            version_warnings=self._warnings(request),
        )

    def _warnings(self, request: Any) -> list[str]:
        if not request.HasField("client_version"):
            return [_NO_VERSION]
        client = (request.client_version.major, request.client_version.minor)
        warnings = []
        if client < VERSION[:2]:
            warnings.append(_CLIENT_OLD)
        elif client > VERSION[:2]:
            warnings.append(_CLIENT_NEW)
        if request.HasField("current_project"):
            name = request.current_project.name
            try:
                with self._db.read() as txn:
                    projects.get(txn, name)
            except PachError as error:
                warnings.append(f'WARNING: Could not inspect project "{name}": {error.message}')
        return warnings


def add_to(server: grpc.Server, db: Database, cluster_id: str) -> None:
    version_grpc.add_APIServicer_to_server(VersionService(), server)
    admin_grpc.add_APIServicer_to_server(AdminService(db, cluster_id), server)
    health = grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {"Check": grpc.unary_unary_rpc_method_handler(lambda _request, _context: SERVING)},
    )
    server.add_generic_rpc_handlers((health,))
