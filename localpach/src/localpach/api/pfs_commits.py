"""The PFS calls about commits and commit sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from localpach.api.describe import commit_info
from localpach.backend import Calls
from localpach.errors import PachError, UnavailableError
from localpach.messages import Empty, commit_message, commit_ref, pfs, repo_ref
from localpach.pfs import commits, commitsets, repos
from localpach.pfs.commits import Commit
from localpach.refs import CommitRef, RepoRef
from localpach.store.database import Txn


class CommitCalls(Calls):
    """The PFS calls about commits and commit sets."""

    def StartCommit(self, request: pfs.StartCommitRequest, context: grpc.ServicerContext) -> pfs.Commit:
        """Start a commit."""
        return self._perform(context, start_commit=request).commit

    def FinishCommit(self, request: pfs.FinishCommitRequest, context: grpc.ServicerContext) -> Empty:
        """Finish a commit."""
        self._perform(context, finish_commit=request)
        return Empty()

    def ClearCommit(self, request: pfs.ClearCommitRequest, context: grpc.ServicerContext) -> Empty:
        """Delete all changes of an open commit."""
        with self._backend.db.write() as txn:
            commit = commits.resolve(txn, commit_ref(request.commit))
            if commit.finishing is not None:
                raise PachError("cannot clear finished commit")
            if request.commit.id == commit.uuid:  # the real server clears nothing if the branch is given
                self._backend.content.clear(txn, commit)
        return Empty()

    def InspectCommit(self, request: pfs.InspectCommitRequest, context: grpc.ServicerContext) -> pfs.CommitInfo:
        """Describe a commit, after waiting for the requested state."""
        commit = self._in_state(commit_ref(request.commit), request.wait, context)
        with self._backend.db.read() as txn:
            return commit_info(txn, commit)

    def ListCommit(self, request: pfs.ListCommitRequest, context: grpc.ServicerContext) -> Iterator[pfs.CommitInfo]:
        """List commits, newest first, or the ancestors of a commit down to another."""
        with self._backend.db.read() as txn:
            found = list(self._list_commits(txn, request))
        yield from found

    def SubscribeCommit(
        self, request: pfs.SubscribeCommitRequest, context: grpc.ServicerContext
    ) -> Iterator[pfs.CommitInfo]:
        """Stream the existing and future commits of a repo, each after it has reached the requested state."""
        if not request.HasField("repo"):
            raise PachError("repo cannot be nil")
        repo = repo_ref(request.repo)
        if request.HasField("from") and commit_ref(getattr(request, "from")).repo != repo:
            raise PachError(f"the `from` commit needs to be from repo {repo}")
        start = getattr(request, "from").id if request.HasField("from") else ""
        seen = {start} if start else set()
        db = self._backend.db
        with db.notifier.subscribe(("commits of", repo)) as changed:
            context.add_callback(changed.set)
            while context.is_active() and not db.notifier.closed:
                changed.clear()
                with db.read() as txn:
                    fresh = [
                        commit
                        for commit in reversed(commits.in_repo(txn, repo))
                        if commit.uuid not in seen
                        and request.branch in ("", commit.branch)
                        and (request.all or not request.origin_kind or commit.origin == request.origin_kind)
                    ]
                for commit in fresh:
                    seen.add(commit.uuid)
                    ready = self._in_state(CommitRef(repo, commit.uuid), request.state, context)
                    with db.read() as txn:
                        info = commit_info(txn, ready)
                    yield info
                if not fresh:
                    changed.wait(30.0)

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

    def ListCommitSet(
        self, request: pfs.ListCommitSetRequest, context: grpc.ServicerContext
    ) -> Iterator[pfs.CommitSetInfo]:
        """List all commit sets, newest first."""
        project = request.project.name if request.HasField("project") else ""
        with self._backend.db.read() as txn:
            names = commitsets.ids(txn)
        for name in names:
            with self._backend.db.read() as txn:
                members = commitsets.members(txn, name, with_aliases=True)
                own = [each for each in members if each.uuid == name]
                if not own or (project and all(each.repo.project != project for each in own)):
                    continue
                info = pfs.CommitSetInfo(commits=[commit_info(txn, each) for each in members])
            info.commit_set.id = name
            yield info

    def SquashCommitSet(self, request: pfs.SquashCommitSetRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a commit set and merge its changes into the child commits."""
        self._perform(context, squash_commit_set=request)
        return Empty()

    def DropCommitSet(self, request: pfs.DropCommitSetRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a commit set with its changes."""
        with self._backend.db.write() as txn:
            commitsets.drop(txn, self._backend.content, request.commit_set.id)
        return Empty()

    def FindCommits(
        self, request: pfs.FindCommitsRequest, context: grpc.ServicerContext
    ) -> Iterator[pfs.FindCommitsResponse]:
        """Stream the commits that change a file, from one commit to its ancestors."""
        ref: CommitRef | None = commit_ref(request.start)
        searched = found = 0
        last = request.start
        while ref is not None and not (request.limit and found == request.limit):
            with self._backend.db.read() as txn:
                commit = commits.resolve(txn, ref)
                if commit.finished is None:
                    raise UnavailableError(f"commit {commit} not finished")
                changed = self._backend.content.changes(txn, commit)
                parent = None if commit.parent is None else commits.get(txn, commit.parent)
            last = commit_message(commit.repo, commit.uuid, commit.branch)
            if any(name.partition("\0")[0] == request.file_path for name in changed.files):
                found += 1
                yield pfs.FindCommitsResponse(found_commit=last, commits_searched=searched)
            searched += 1
            ref = None if parent is None else CommitRef(parent.repo, parent.uuid)
        yield pfs.FindCommitsResponse(last_searched_commit=last, commits_searched=searched)

    def _in_state(self, ref: CommitRef, state: int, context: grpc.ServicerContext) -> Commit:
        reader, db = self._backend.reader, self._backend.db
        with db.read() as txn:
            commit = commits.resolve(txn, ref)
            sources = commits.direct_provenance(txn, commit) if state == pfs.CommitState.READY else []
        if state == pfs.CommitState.FINISHED:
            return reader.wait_finished(commit, context)
        if state == pfs.CommitState.FINISHING:
            return reader.wait_finishing(commit, context)
        for source in sources:
            reader.wait_finished(source, context)
        return commit

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
        if last is not None and request.reverse:
            raise PachError("cannot use 'Reverse' while also using 'From' or 'To'")
        sent = 0
        for commit in self._ancestry(txn, last, first) if last else self._in_order(txn, repo, request):
            if not request.all and request.origin_kind and commit.origin != request.origin_kind:
                continue
            if request.number and sent == request.number:
                return
            sent += 1
            info = commit_info(txn, commit)
            info.size_bytes_upper_bound = self._backend.content.size_upper_bound(txn, commit)
            yield info

    def _in_order(self, txn: Txn, repo: RepoRef, request: Any) -> Iterator[Commit]:
        found = commits.in_repo(txn, repo if repo.name else None)
        limit = request.started_time.seconds * 10**9 + request.started_time.nanos
        for commit in reversed(found) if request.reverse else found:
            if request.HasField("started_time"):
                included = commit.started > limit if request.reverse else commit.started < limit
                if not included:
                    continue
            yield commit

    def _ancestry(self, txn: Txn, last: Commit, first: Commit | None) -> Iterator[Commit]:
        current: Commit | None = last
        while current is not None and (first is None or current.uuid != first.uuid):
            yield current
            current = None if current.parent is None else commits.get(txn, current.parent)
