"""The requests that can run in a transaction, and the transactions: requests of several calls that run as one."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from localpach.errors import NotFoundError, PachError
from localpach.messages import branch_ref, commit_message, commit_ref, job_ref, repo_ref, timestamp, transaction
from localpach.model import Model
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import Files
from localpach.pps import jobs, pipelines
from localpach.refs import META, USER
from localpach.state import Commit, Pending, State, Txn

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
            info = _get(self.model.state, pending)
            info.requests.add().CopyFrom(request)
            with self.model.trial(pending) as txn:
                self._run(txn, info)
            info.version += 1
            with self.model.change() as txn:
                txn.transactions[pending] = Pending(pending, info.SerializeToString())
        return info.responses[-1]

    def start(self) -> transaction.Transaction:
        with self.model.change() as txn:
            info = transaction.TransactionInfo(started=timestamp(txn.now))
            info.transaction.id = txn.id
            txn.transactions[txn.id] = Pending(txn.id, info.SerializeToString())
        return info.transaction

    def list_all(self) -> list[transaction.TransactionInfo]:
        """List the open transactions, newest first."""
        state = self.model.state
        return [_get(state, name) for name in reversed(state.transactions)]

    def delete(self, name: str) -> None:
        with self.model.change() as txn:
            _get(txn, name)
            del txn.transactions[name]

    def finish(self, name: str) -> transaction.TransactionInfo:
        """Run all requests of a transaction as one and delete it. If one fails, nothing changes and it stays open."""
        with self.model.change(name) as txn:
            info = _get(txn, name)
            self._run(txn, info)
            del txn.transactions[name]
        return info

    def batch(self, requests: list[transaction.TransactionRequest]) -> transaction.TransactionInfo:
        with self.model.change(uuid.uuid4().hex) as txn:
            info = transaction.TransactionInfo(started=timestamp(txn.now), requests=requests)
            info.transaction.id = txn.id
            self._run(txn, info)
        return info

    def _run(self, txn: Txn, info: transaction.TransactionInfo) -> None:
        del info.responses[:]
        for number, request in enumerate(info.requests, 1):
            copy = transaction.TransactionRequest.FromString(request.SerializeToString())
            try:
                self._apply(txn, copy, info.responses.add())
            except PachError as error:
                raise error.within(f"error running request {number} of {len(info.requests)}") from None

    def _apply(
        self, txn: Txn, request: transaction.TransactionRequest, response: transaction.TransactionResponse
    ) -> None:
        for name, action in _ACTIONS.items():
            if request.HasField(name):
                commit = action(txn, self.files, getattr(request, name))
                if commit is not None:
                    response.commit.CopyFrom(commit_message(commit.repo, commit.id, commit.branch))
                return
        raise PachError("unrecognized transaction request type")


def _get(state: State, name: str) -> transaction.TransactionInfo:
    found = state.transactions.get(name)
    if found is None:
        raise NotFoundError(f"transactions {name} not found")
    return transaction.TransactionInfo.FromString(found.info)


def _create_repo(txn: Txn, _: Files, request: Any) -> None:
    ref = repo_ref(request.repo) if request.HasField("repo") else None
    repos.create(txn, ref, request.description, update=request.update)


def _delete_repo(txn: Txn, _: Files, request: Any) -> None:
    branches.delete_repo(txn, repo_ref(request.repo), force=request.force)


def _start_commit(txn: Txn, _: Files, request: Any) -> Commit:
    branch = branch_ref(request.branch) if request.HasField("branch") else None
    parent = commit_ref(request.parent) if request.HasField("parent") else None
    return branches.start_commit(txn, branch, parent, request.description)


def _finish_commit(txn: Txn, files: Files, request: Any) -> None:
    commit = commits.resolve(txn, commit_ref(request.commit))
    commits.require_open(commit)
    managed = commit.repo.type in (USER, META) and repos.belongs_to_pipeline(txn, commit.repo)
    if managed and commit.provenance and not request.force:
        raise PachError("cannot finish a pipeline output or meta commit, use 'stop job' instead")
    commits.finish(txn, files, commit, description=request.description, error=request.error)


def _stop_job(txn: Txn, files: Files, request: Any) -> None:
    ref = job_ref(request.job) if request.HasField("job") else None
    jobs.stop(txn, files, ref, request.reason or "job stopped")


_ACTIONS: dict[str, Callable[[Txn, Files, Any], Commit | None]] = {
    "create_repo": _create_repo,
    "delete_repo": _delete_repo,
    "start_commit": _start_commit,
    "finish_commit": _finish_commit,
    "stop_job": _stop_job,
    "create_pipeline": pipelines.create,
}
