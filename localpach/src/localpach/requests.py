"""The requests that can run in a transaction, and the transactions: requests of several calls that run as one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from localpach.errors import NotFoundError, PachError
from localpach.messages import META, USER, Empty, changed, pfs, transaction
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
            info = changed(find(self.model.state, pending))
            info.requests.add().CopyFrom(request)
            with self.model.trial(pending) as txn:
                self.run(txn, info)
            info.version += 1
            with self.model.change() as txn:
                txn.transactions[pending] = info
        return info.responses[-1]

    def run(self, txn: Txn, info: transaction.TransactionInfo) -> None:
        """Run all requests of a transaction, which gets their responses. Raises PachError if one fails."""
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


def find(state: State, name: str) -> transaction.TransactionInfo:
    """Return an open transaction. Raises NotFoundError."""
    found = state.transactions.get(name)
    if found is None:
        raise NotFoundError(f"transactions {name} not found")
    return found


def performed(name: str) -> Callable[[Any, Message, Any], Empty]:
    """Return a method of a service that runs its request as the action ``name``."""

    def call(service: Any, request: Message, context: Any) -> Empty:
        service.requests.perform(context, **{name: request})
        return Empty()

    return call


def _finish_commit(txn: Txn, files: Files, request: Any) -> None:
    info = commits.resolve(txn, request.commit)
    commits.require_open(info)
    repo = info.commit.repo
    if repo.type in (USER, META) and repos.belongs_to_pipeline(txn, repo) and info.direct_provenance:
        raise PachError("cannot finish a pipeline output or meta commit, use 'stop job' instead")
    commits.finish(txn, files, info, description=request.description, error=request.error)


_ACTIONS: dict[str, Callable[[Txn, Files, Any], pfs.CommitInfo | None]] = {
    "create_repo": lambda txn, _, asked: repos.create(txn, asked.repo, asked.description, update=asked.update),
    "delete_repo": lambda txn, _, asked: branches.delete_repo(txn, asked.repo, force=asked.force),
    "start_commit": lambda txn, _, asked: branches.start_commit(txn, asked.branch, asked.description),
    "finish_commit": _finish_commit,
    "stop_job": lambda txn, files, asked: jobs.stop(txn, files, asked.job, asked.reason or "job stopped"),
    "create_pipeline": pipelines.create,
}
