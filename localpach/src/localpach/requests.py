"""The requests that can run in a transaction, and the transactions: requests of several calls that run as one."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from localpach.errors import NotFoundError, PachError
from localpach.messages import META, USER, changed, pfs, transaction
from localpach.model import Model
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import Files
from localpach.pps import jobs, pipelines
from localpach.state import State, Txn

TRANSACTION_HEADER = "pach-transaction"


@dataclass(frozen=True, slots=True)
class Requests:
    """Runs requests: now, or when their transaction is finished."""

    model: Model
    files: Files

    def perform(self, context: Any, **action: Message) -> transaction.TransactionResponse:
        """Run a request now, or append it to the transaction of the call's metadata, if it succeeds there."""
        pending = dict(context.invocation_metadata()).get(TRANSACTION_HEADER)
        request = transaction.TransactionRequest(**action)
        if pending is None:
            info = transaction.TransactionInfo(requests=[request])
            with self.model.change() as txn:
                self._apply(txn, request, info.responses.add())
            return info.responses[0]
        with self.model.lock:
            info = changed(_get(self.model.state, pending))
            info.requests.add().CopyFrom(request)
            with self.model.trial(pending) as txn:
                self._run(txn, info)
            info.version += 1
            with self.model.change() as txn:
                txn.transactions[pending] = info
        return info.responses[-1]

    def start(self) -> transaction.Transaction:
        with self.model.change() as txn:
            info = transaction.TransactionInfo(started=txn.now, transaction={"id": txn.id})
            txn.transactions[txn.id] = info
        return info.transaction

    def list_all(self) -> list[transaction.TransactionInfo]:
        """List the open transactions, newest first."""
        return list(self.model.state.transactions.values())[::-1]

    def delete(self, name: str) -> None:
        with self.model.change() as txn:
            _get(txn, name)
            del txn.transactions[name]

    def finish(self, name: str) -> transaction.TransactionInfo:
        """Run all requests of a transaction as one and delete it. If one fails, nothing changes and it stays open."""
        with self.model.change(name) as txn:
            info = changed(_get(txn, name))
            self._run(txn, info)
            del txn.transactions[name]
        return info

    def batch(self, requests: list[transaction.TransactionRequest]) -> transaction.TransactionInfo:
        with self.model.change(uuid.uuid4().hex) as txn:
            info = transaction.TransactionInfo(started=txn.now, requests=requests, transaction={"id": txn.id})
            self._run(txn, info)
        return info

    def _run(self, txn: Txn, info: transaction.TransactionInfo) -> None:
        del info.responses[:]
        for number, request in enumerate(info.requests, 1):
            try:
                self._apply(txn, changed(request), info.responses.add())
            except PachError as error:
                raise error.within(f"error running request {number} of {len(info.requests)}") from None

    def _apply(
        self, txn: Txn, request: transaction.TransactionRequest, response: transaction.TransactionResponse
    ) -> None:
        for name, action in _ACTIONS.items():
            if request.HasField(name):
                info = action(txn, self.files, getattr(request, name))
                if info is not None:
                    response.commit.CopyFrom(info.commit)
                return
        raise PachError("unrecognized transaction request type")


def _get(state: State, name: str) -> transaction.TransactionInfo:
    found = state.transactions.get(name)
    if found is None:
        raise NotFoundError(f"transactions {name} not found")
    return found


def _given(request: Any, field: str) -> Any:
    """Return a field of a request, None if it is not set."""
    return getattr(request, field) if request.HasField(field) else None


def _create_repo(txn: Txn, _: Files, request: Any) -> None:
    repos.create(txn, _given(request, "repo"), request.description, update=request.update)


def _delete_repo(txn: Txn, _: Files, request: Any) -> None:
    branches.delete_repo(txn, request.repo, force=request.force)


def _start_commit(txn: Txn, _: Files, request: Any) -> pfs.CommitInfo:
    return branches.start_commit(txn, _given(request, "branch"), _given(request, "parent"), request.description)


def _finish_commit(txn: Txn, files: Files, request: Any) -> None:
    info = commits.resolve(txn, request.commit)
    commits.require_open(info)
    repo = info.commit.repo
    managed = repo.type in (USER, META) and repos.belongs_to_pipeline(txn, repo)
    if managed and info.direct_provenance and not request.force:
        raise PachError("cannot finish a pipeline output or meta commit, use 'stop job' instead")
    commits.finish(txn, files, info, description=request.description, error=request.error)


def _stop_job(txn: Txn, files: Files, request: Any) -> None:
    jobs.stop(txn, files, _given(request, "job"), request.reason or "job stopped")


_ACTIONS: dict[str, Callable[[Txn, Files, Any], pfs.CommitInfo | None]] = {
    "create_repo": _create_repo,
    "delete_repo": _delete_repo,
    "start_commit": _start_commit,
    "finish_commit": _finish_commit,
    "stop_job": _stop_job,
    "create_pipeline": pipelines.create,
}
