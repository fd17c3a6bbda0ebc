"""The PFS calls about commits and commit sets."""

from collections.abc import Iterator
from typing import Any

import grpc

from localpach.api.describe import commit_info
from localpach.backend import Calls
from localpach.errors import PachError
from localpach.messages import Empty, commit_ref, pfs, repo_ref
from localpach.pfs import commits, commitsets, repos
from localpach.pfs.commits import Commit
from localpach.pps import jobs
from localpach.store.database import Txn


class CommitCalls(Calls):
    def StartCommit(self, request: pfs.StartCommitRequest, context: grpc.ServicerContext) -> pfs.Commit:
        return self._perform(context, start_commit=request).commit

    def FinishCommit(self, request: pfs.FinishCommitRequest, context: grpc.ServicerContext) -> Empty:
        self._perform(context, finish_commit=request)
        return Empty()

    def InspectCommit(self, request: pfs.InspectCommitRequest, context: grpc.ServicerContext) -> pfs.CommitInfo:
        """Describe a commit, after it is finished if the request says so."""
        with self._backend.db.read() as txn:
            commit = commits.resolve(txn, commit_ref(request.commit))
        if request.wait == pfs.CommitState.FINISHED:
            commit = self._backend.reader.wait_finished(commit, context)
        with self._backend.db.read() as txn:
            return commit_info(txn, commit)

    def ListCommit(self, request: pfs.ListCommitRequest, context: grpc.ServicerContext) -> Iterator[pfs.CommitInfo]:
        """List commits, newest first, or the ancestors of a commit down to another."""
        with self._backend.db.read() as txn:
            found = list(self._list_commits(txn, request))
        yield from found

    def InspectCommitSet(
        self, request: pfs.InspectCommitSetRequest, context: grpc.ServicerContext
    ) -> Iterator[pfs.CommitInfo]:
        """Stream the commits of a set in topological order; with ``wait`` each after it is finished."""
        with self._backend.db.read() as txn:
            found = commitsets.require_set(txn, request.commit_set.id)
            ready = [commit_info(txn, each) for each in found if not request.wait or each.finished is not None]
        yield from ready
        if request.wait:
            for commit in found:
                if commit.finished is None:
                    finished = self._backend.reader.wait_finished(commit, context)
                    with self._backend.db.read() as txn:
                        info = commit_info(txn, finished)
                    yield info

    def DropCommitSet(self, request: pfs.DropCommitSetRequest, context: grpc.ServicerContext) -> Empty:
        content = self._backend.content
        with self._backend.db.write() as txn:
            commitsets.drop(txn, content, request.commit_set.id)
            for job in jobs.with_id(txn, request.commit_set.id):
                jobs.stop(txn, content, job.ref, "output commit removed")
        return Empty()

    def _list_commits(self, txn: Txn, request: Any) -> Iterator[pfs.CommitInfo]:
        if not request.HasField("repo"):
            raise PachError("repo cannot be nil")
        repo = repo_ref(request.repo)
        lower = commit_ref(getattr(request, "from")) if request.HasField("from") else None
        upper = commit_ref(request.to) if request.HasField("to") else None
        if any(end is not None and end.repo != repo for end in (lower, upper)):
            raise PachError(f"`from` and `to` commits need to be from repo {repo}")
        if repo.name:
            repos.get(txn, repo)
        first = commits.resolve(txn, lower) if lower else None
        last = commits.resolve(txn, upper) if upper else None
        if first is not None and last is None:
            raise PachError("cannot use `from` commit without `to` commit")
        sent = 0
        for commit in self._ancestry(txn, last, first) if last else commits.in_repo(txn, repo if repo.name else None):
            if not request.all and request.origin_kind and commit.origin != request.origin_kind:
                continue
            if request.number and sent == request.number:
                return
            sent += 1
            info = commit_info(txn, commit)
            info.size_bytes_upper_bound = self._backend.content.size_upper_bound(txn, commit)
            yield info

    def _ancestry(self, txn: Txn, last: Commit, first: Commit | None) -> Iterator[Commit]:
        current: Commit | None = last
        while current is not None and (first is None or current.uuid != first.uuid):
            yield current
            current = None if current.parent is None else commits.get(txn, current.parent)
