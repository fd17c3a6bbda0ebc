"""The calls about the version, the cluster and transactions."""

import grpc

from localpach import __version__
from localpach.messages import Empty
from localpach.messages import transaction as tx
from localpach.protocol import admin, admin_grpc, transaction_grpc, version, version_grpc
from localpach.requests import Requests

VERSION = (2, 7, 8)


class VersionService(version_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    def GetVersion(self, request: Empty, context: grpc.ServicerContext) -> version.Version:
        """Return the version of Pachyderm that localpach behaves like, with localpach's own as the commit."""
        major, minor, micro = VERSION
        return version.Version(
            major=major, minor=minor, micro=micro, additional="", platform="localpach", git_commit=__version__
        )


class AdminService(admin_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    def __init__(self, cluster: str) -> None:
        self._id = cluster

    def InspectCluster(self, request: admin.InspectClusterRequest, context: grpc.ServicerContext) -> admin.ClusterInfo:
        return admin.ClusterInfo(id=self._id, deployment_id=self._id, version_warnings_ok=True)


class TransactionService(transaction_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def BatchTransaction(
        self, request: tx.BatchTransactionRequest, context: grpc.ServicerContext
    ) -> tx.TransactionInfo:
        return self._requests.batch(list(request.requests))

    def StartTransaction(self, request: tx.StartTransactionRequest, context: grpc.ServicerContext) -> tx.Transaction:
        return self._requests.start()

    def DeleteTransaction(self, request: tx.DeleteTransactionRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.delete(request.transaction.id)
        return Empty()

    def ListTransaction(self, request: tx.ListTransactionRequest, context: grpc.ServicerContext) -> tx.TransactionInfos:
        return tx.TransactionInfos(transaction_info=self._requests.list_all())

    def FinishTransaction(
        self, request: tx.FinishTransactionRequest, context: grpc.ServicerContext
    ) -> tx.TransactionInfo:
        return self._requests.finish(request.transaction.id)
