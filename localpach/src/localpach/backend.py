"""The backend that all gRPC services share, and the requests that can run in a transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from localpach.errors import PachError
from localpach.messages import branch_ref, commit_message, commit_ref, job_ref, pfs, pps, repo_ref, transaction
from localpach.pfs import branches, commits, commitsets, propagation, repos
from localpach.pfs.commits import Commit
from localpach.pfs.content import CommitContent
from localpach.pfs.reading import Reader
from localpach.pps import jobs, lifecycle
from localpach.pps.logs import Logs
from localpach.pps.master import Master
from localpach.store.contents import Contents
from localpach.store.database import Database, Txn
from localpach.transactions import Apply, Transactions

TRANSACTION_HEADER = "pach-transaction"


@dataclass
class Backend:
    db: Database
    contents: Contents
    content: CommitContent
    reader: Reader
    logs: Logs
    master: Master
    transactions: Transactions


class Calls:
    """A part of a gRPC service: calls that use the backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def _perform(self, context: Any, **action: Message) -> transaction.TransactionResponse:
        """Run a request now, or append it to the transaction that the call's metadata names."""
        request = transaction.TransactionRequest(**action)
        active = dict(context.invocation_metadata()).get(TRANSACTION_HEADER)
        if active is not None:
            return self._backend.transactions.append(active, request)
        response = transaction.TransactionResponse()
        with self._backend.db.write() as txn:
            self._backend.transactions.apply(txn, request, response)
        return response


def apply_request(content: CommitContent) -> Apply:
    """Return the function that runs one request in a transaction."""

    def apply(txn: Txn, request: transaction.TransactionRequest, response: transaction.TransactionResponse) -> None:
        for name, action in _ACTIONS.items():
            if request.HasField(name):
                answer = action(txn, content, getattr(request, name))
                if answer is not None:
                    response.commit.CopyFrom(commit_message(answer.repo, answer.uuid, answer.branch))
                return
        raise PachError("unrecognized transaction request type")

    return apply


def register_end_hooks(db: Database, content: CommitContent) -> None:
    """Register the functions that run at the end of each transaction, in order."""
    content.on_finished.append(jobs.output_finished)
    db.end_hooks += [propagation.propagate, lifecycle.create_jobs]


def _create_repo(txn: Txn, _: CommitContent, request: pfs.CreateRepoRequest) -> None:
    ref = repo_ref(request.repo) if request.HasField("repo") else None
    repos.create(txn, ref, request.description, update=request.update)


def _delete_repo(txn: Txn, content: CommitContent, request: pfs.DeleteRepoRequest) -> None:
    commitsets.delete_repo(txn, content, repo_ref(request.repo), force=request.force)


def _start_commit(txn: Txn, _: CommitContent, request: pfs.StartCommitRequest) -> Commit:
    branch = branch_ref(request.branch) if request.HasField("branch") else None
    parent = commit_ref(request.parent) if request.HasField("parent") else None
    return branches.start_commit(txn, branch, parent, request.description)


def _finish_commit(txn: Txn, content: CommitContent, request: pfs.FinishCommitRequest) -> None:
    commit = commits.resolve(txn, commit_ref(request.commit))
    content.finish(txn, commit, description=request.description, error=request.error, force=request.force)


def _create_branch(txn: Txn, _: CommitContent, request: pfs.CreateBranchRequest) -> None:
    branches.create(
        txn,
        branch_ref(request.branch),
        commit_ref(request.head) if request.HasField("head") else None,
        [branch_ref(each) for each in request.provenance],
    )


def _delete_branch(txn: Txn, _: CommitContent, request: pfs.DeleteBranchRequest) -> None:
    branches.delete(txn, branch_ref(request.branch), force=request.force)


def _stop_job(txn: Txn, content: CommitContent, request: pps.StopJobRequest) -> None:
    ref = job_ref(request.job) if request.HasField("job") else None
    jobs.stop(txn, content, ref, request.reason or "job stopped")


_ACTIONS: dict[str, Callable[[Txn, CommitContent, Any], Commit | None]] = {
    "create_repo": _create_repo,
    "delete_repo": _delete_repo,
    "start_commit": _start_commit,
    "finish_commit": _finish_commit,
    "create_branch": _create_branch,
    "delete_branch": _delete_branch,
    "stop_job": _stop_job,
    "create_pipeline": lifecycle.create,
}
