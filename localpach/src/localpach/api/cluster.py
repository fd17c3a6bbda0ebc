"""The calls about the version, the cluster and transactions."""

import grpc

from localpach import __version__
from localpach.messages import Empty, changed
from localpach.messages import transaction as tx
from localpach.protocol import admin, admin_grpc, transaction_grpc, version, version_grpc
from localpach.requests import Requests, find

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
        self._model = requests.model

    def BatchTransaction(
        self, request: tx.BatchTransactionRequest, context: grpc.ServicerContext
    ) -> tx.TransactionInfo:
        with self._model.change() as txn:
            info = tx.TransactionInfo(started=txn.now, requests=request.requests, transaction={"id": txn.id})
            self._requests.run(txn, info)
        return info

    def StartTransaction(self, request: tx.StartTransactionRequest, context: grpc.ServicerContext) -> tx.Transaction:
        with self._model.change() as txn:
            txn.transactions[txn.id] = tx.TransactionInfo(started=txn.now, transaction={"id": txn.id})
        return tx.Transaction(id=txn.id)

    def DeleteTransaction(self, request: tx.DeleteTransactionRequest, context: grpc.ServicerContext) -> Empty:
        with self._model.change() as txn:
            find(txn, request.transaction.id)
            del txn.transactions[request.transaction.id]
        return Empty()

    def ListTransaction(self, request: tx.ListTransactionRequest, context: grpc.ServicerContext) -> tx.TransactionInfos:
        return tx.TransactionInfos(transaction_info=list(self._model.state.transactions.values())[::-1])

    def FinishTransaction(
        self, request: tx.FinishTransactionRequest, context: grpc.ServicerContext
    ) -> tx.TransactionInfo:
        """Run all requests of a transaction as one and delete it. If one fails, nothing changes and it stays open."""
        name = request.transaction.id
        with self._model.change(name) as txn:
            info = changed(find(txn, name))
            self._requests.run(txn, info)
            del txn.transactions[name]
        return info
