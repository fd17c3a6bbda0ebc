"""The transaction service."""

import grpc

from localpach.messages import Empty
from localpach.messages import transaction as tx
from localpach.protocol import transaction_grpc
from localpach.transactions import Transactions


class TransactionService(transaction_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def BatchTransaction(
        self, request: tx.BatchTransactionRequest, context: grpc.ServicerContext
    ) -> tx.TransactionInfo:
        return self._transactions.batch(list(request.requests))

    def StartTransaction(self, request: tx.StartTransactionRequest, context: grpc.ServicerContext) -> tx.Transaction:
        return self._transactions.start()

    def DeleteTransaction(self, request: tx.DeleteTransactionRequest, context: grpc.ServicerContext) -> Empty:
        self._transactions.delete(request.transaction.id)
        return Empty()

    def ListTransaction(self, request: tx.ListTransactionRequest, context: grpc.ServicerContext) -> tx.TransactionInfos:
        return tx.TransactionInfos(transaction_info=self._transactions.list_all())

    def FinishTransaction(
        self, request: tx.FinishTransactionRequest, context: grpc.ServicerContext
    ) -> tx.TransactionInfo:
        return self._transactions.finish(request.transaction.id)
