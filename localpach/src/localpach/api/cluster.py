"""The services that describe the server: version, admin."""

import grpc
from google.protobuf.empty_pb2 import Empty

from localpach import __version__
from localpach.protocol import admin, admin_grpc, version, version_grpc

VERSION = (2, 7, 8)


class VersionService(version_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    def GetVersion(self, request: Empty, context: grpc.ServicerContext) -> version.Version:
        """Return the version of Pachyderm that localpach behaves like, with localpach's own as the commit."""
        major, minor, micro = VERSION
        return version.Version(
            major=major, minor=minor, micro=micro, additional="", platform="localpach", git_commit=__version__
        )


class AdminService(admin_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    """The admin service; the cluster is one machine."""

    def __init__(self, cluster_id: str) -> None:
        self._id = cluster_id

    def InspectCluster(self, request: admin.InspectClusterRequest, context: grpc.ServicerContext) -> admin.ClusterInfo:
        return admin.ClusterInfo(id=self._id, deployment_id=self._id, version_warnings_ok=True)


def add_to(server: grpc.Server, cluster_id: str) -> None:
    version_grpc.add_APIServicer_to_server(VersionService(), server)
    admin_grpc.add_APIServicer_to_server(AdminService(cluster_id), server)
