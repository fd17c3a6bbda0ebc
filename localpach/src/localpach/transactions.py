"""Transactions: requests that are collected over several calls and run as one."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from localpach.errors import NotFoundError, PachError
from localpach.messages import timestamp, transaction
from localpach.store.database import Database, Txn

Apply = Callable[[Txn, transaction.TransactionRequest, transaction.TransactionResponse], None]


@dataclass(frozen=True, slots=True)
class Transactions:
    """The open transactions. ``apply`` runs one request in a database transaction."""

    db: Database
    apply: Apply

    def start(self) -> transaction.Transaction:
        with self.db.write() as txn:
            name = uuid.uuid4().hex
            info = transaction.TransactionInfo(started=timestamp(txn.now))
            info.transaction.id = name
            txn.db.execute("INSERT INTO transactions VALUES (?, ?, 0, ?)", (name, txn.now, info.SerializeToString()))
            return info.transaction

    def list_all(self) -> list[transaction.TransactionInfo]:
        """List the open transactions, newest first."""
        with self.db.read() as txn:
            found = txn.rows("SELECT id FROM transactions ORDER BY started DESC, rowid DESC")
            return [_load(txn, row[0]) for row in found]

    def delete(self, name: str) -> None:
        with self.db.write() as txn:
            _load(txn, name)
            txn.db.execute("DELETE FROM transactions WHERE id = ?", (name,))

    def append(self, name: str, request: transaction.TransactionRequest) -> transaction.TransactionResponse:
        """Dry-run a request after those of the transaction; append it if it succeeds."""
        while True:
            with self.db.read() as txn:
                info = _load(txn, name)
            version = info.version
            info.requests.add().CopyFrom(request)
            with self.db.dry_run(name) as txn:
                self._run(txn, info)
            with self.db.write() as txn:
                if _load(txn, name).version != version:
                    continue  # another call has appended a request: retry after it
                info.version = version + 1
                txn.db.execute(
                    "UPDATE transactions SET version = ?, info = ? WHERE id = ?",
                    (info.version, info.SerializeToString(), name),
                )
            return info.responses[-1]

    def finish(self, name: str) -> transaction.TransactionInfo:
        """Run all requests of a transaction as one and delete it. If one fails, nothing changes and it stays open."""
        with self.db.write(name) as txn:
            info = _load(txn, name)
            self._run(txn, info)
            txn.db.execute("DELETE FROM transactions WHERE id = ?", (name,))
            return info

    def batch(self, requests: list[transaction.TransactionRequest]) -> transaction.TransactionInfo:
        name = uuid.uuid4().hex
        with self.db.write(name) as txn:
            info = transaction.TransactionInfo(started=timestamp(txn.now), requests=requests)
            info.transaction.id = name
            self._run(txn, info)
            return info

    def _run(self, txn: Txn, info: transaction.TransactionInfo) -> None:
        del info.responses[:]
        for number, request in enumerate(info.requests, 1):
            copy = transaction.TransactionRequest.FromString(request.SerializeToString())
            try:
                self.apply(txn, copy, info.responses.add())
            except PachError as error:
                raise error.within(f"error running request {number} of {len(info.requests)}") from None


def _load(txn: Txn, name: str) -> transaction.TransactionInfo:
    found = txn.row("SELECT version, info FROM transactions WHERE id = ?", name)
    if found is None:
        raise NotFoundError(f"transactions {name} not found")
    info = transaction.TransactionInfo.FromString(found[1])
    info.version = found[0]
    return info
