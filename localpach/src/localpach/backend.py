"""The backend that all gRPC services share, and the requests that can run in a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from localpach.errors import InvalidArgumentError, NotFoundError, PachError, UnimplementedError
from localpach.messages import (
    branch_ref,
    commit_message,
    commit_ref,
    job_ref,
    pfs,
    pipeline_ref,
    pps,
    repo_ref,
    transaction,
)
from localpach.pfs import branches, commits, commitsets, propagation, repos, triggers
from localpach.pfs.commits import Commit
from localpach.pfs.content import CommitContent
from localpach.pfs.reading import Reader
from localpach.pps import jobs, lifecycle, pipelines, secrets
from localpach.pps.execution import Workers
from localpach.pps.logs import Logs
from localpach.pps.master import Master
from localpach.pps.states import JobState
from localpach.pps.validation import Limits
from localpach.required import check_within_transaction
from localpach.store.contents import Contents
from localpach.store.database import Database, Txn
from localpach.transactions import Apply, Transactions

TRANSACTION_HEADER = "pach-transaction"


@dataclass
class Backend:
    """The components of a running server."""

    db: Database
    contents: Contents
    content: CommitContent
    reader: Reader
    logs: Logs
    master: Master
    limits: Limits
    transactions: Transactions
    workers: Workers
    downloads: frozenset[str] | None

    def check_new_pipeline(self, request: pps.CreatePipelineRequest) -> None:
        """Raise PachError for a pipeline that exceeds the limits or uses a missing secret."""
        self.workers.check(request)
        with self.db.read() as txn:
            try:
                pipelines.inspect(txn, pipeline_ref(request.pipeline))
            except NotFoundError:
                self.limits.check(pipelines.count_names(txn), request)
            secrets.check(txn, request.transform)


class Calls:
    """A part of a gRPC service: calls that use the backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def _reject_filter(self, request: Any) -> None:
        if request.jqFilter:
            raise UnimplementedError("localpach does not support jq filters: filter the response instead")

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
        check_within_transaction(request)
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
    content.on_finished += [jobs.output_finished, triggers.fire]
    db.end_hooks += [
        propagation.propagate,
        lifecycle.create_jobs,
        lambda txn: lifecycle.stop_jobs_of_removed_sets(txn, content),
    ]


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


def _squash(txn: Txn, content: CommitContent, request: pfs.SquashCommitSetRequest) -> None:
    commitsets.squash(txn, content, request.commit_set.id)


def _create_branch(txn: Txn, _: CommitContent, request: pfs.CreateBranchRequest) -> None:
    ref = branch_ref(request.branch)
    if request.HasField("trigger"):
        triggers.validate(txn, ref, request.trigger)
    branches.create(
        txn,
        ref,
        commit_ref(request.head) if request.HasField("head") else None,
        [branch_ref(each) for each in request.provenance],
        request.trigger.SerializeToString() if request.HasField("trigger") else None,
    )


def _delete_branch(txn: Txn, _: CommitContent, request: pfs.DeleteBranchRequest) -> None:
    branches.delete(txn, branch_ref(request.branch), force=request.force)


def _update_job_state(txn: Txn, _: CommitContent, request: pps.UpdateJobStateRequest) -> None:
    if request.state not in list(JobState):
        raise InvalidArgumentError(f"{request.state} is not the state of a job")
    job = jobs.get(txn, job_ref(request.job))
    jobs.set_state(txn, job, JobState(request.state), request.reason)
    counts = jobs.Counts(
        request.data_processed,
        request.data_skipped,
        request.data_failed,
        request.data_recovered,
        request.data_total,
    )
    jobs.set_counts(txn, job, counts, request.stats)


def _stop_job(txn: Txn, content: CommitContent, request: pps.StopJobRequest) -> None:
    ref = job_ref(request.job) if request.HasField("job") else None
    jobs.stop(txn, content, ref, request.reason or "job stopped")


_ACTIONS: dict[str, Callable[[Txn, CommitContent, Any], Commit | None]] = {
    "create_repo": _create_repo,
    "delete_repo": _delete_repo,
    "start_commit": _start_commit,
    "finish_commit": _finish_commit,
    "squash_commit_set": _squash,
    "create_branch": _create_branch,
    "delete_branch": _delete_branch,
    "update_job_state": _update_job_state,
    "stop_job": _stop_job,
    "create_pipeline": lifecycle.create,
}
