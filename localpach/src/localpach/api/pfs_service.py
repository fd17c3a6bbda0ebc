"""The calls about projects, repos, branches, commits and files."""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc

from localpach.api.describe import branch_info, commit_info, file_info, repo_info, repo_size
from localpach.errors import InvalidArgumentError, NotFoundError, PachError
from localpach.messages import BytesValue, Empty, key, pfs, repo_in, shown
from localpach.names import is_commit_id
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import EMPTY_TREE, Changes, Entry, Tree
from localpach.pfs.paths import clean, compile_glob
from localpach.pfs.transfer import Upload, read_url, tar_stream
from localpach.protocol import pfs_grpc
from localpach.requests import Requests
from localpach.state import State


@dataclass(frozen=True, slots=True)
class Opened:
    """The files of a commit, or of a file set, which has no commit."""

    commit: pfs.Commit
    info: pfs.CommitInfo | None
    tree: Tree

    def describe(self, entry: Entry) -> pfs.FileInfo:
        return file_info(self.commit, self.info, entry)


class PfsService(pfs_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._model = requests.model
        self._files = requests.files

    def CreateProject(self, request: pfs.CreateProjectRequest, context: grpc.ServicerContext) -> Empty:
        with self._model.change() as txn:
            repos.create_project(txn, request)
        return Empty()

    def ListProject(self, request: pfs.ListProjectRequest, context: grpc.ServicerContext) -> Iterator[pfs.ProjectInfo]:
        return iter(self._model.state.projects.values())

    def CreateRepo(self, request: pfs.CreateRepoRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, create_repo=request)
        return Empty()

    def InspectRepo(self, request: pfs.InspectRepoRequest, context: grpc.ServicerContext) -> pfs.RepoInfo:
        state = self._model.state
        size = pfs.RepoInfo.Details(size_bytes=repo_size(state, request.repo))
        return repo_info(state, repos.get(state, request.repo), details=size)

    def ListRepo(self, request: pfs.ListRepoRequest, context: grpc.ServicerContext) -> Iterator[pfs.RepoInfo]:
        """List the repos of a type, newest first."""
        state = self._model.state
        for info in repos.list_all(state, request.type, [each.name for each in request.projects]):
            yield repo_info(state, info, size_bytes_upper_bound=repo_size(state, info.repo))

    def DeleteRepo(self, request: pfs.DeleteRepoRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, delete_repo=request)
        return Empty()

    def InspectBranch(self, request: pfs.InspectBranchRequest, context: grpc.ServicerContext) -> pfs.BranchInfo:
        state = self._model.state
        return branch_info(state, branches.get(state, request.branch))

    def ListBranch(self, request: pfs.ListBranchRequest, context: grpc.ServicerContext) -> Iterator[pfs.BranchInfo]:
        """List the branches of a repo, newest first."""
        repo = request.repo if request.HasField("repo") else None
        state = self._model.state
        return (branch_info(state, each) for each in branches.in_repo(state, repo))

    def StartCommit(self, request: pfs.StartCommitRequest, context: grpc.ServicerContext) -> pfs.Commit:
        return self._requests.perform(context, start_commit=request).commit

    def FinishCommit(self, request: pfs.FinishCommitRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, finish_commit=request)
        return Empty()

    def InspectCommit(self, request: pfs.InspectCommitRequest, context: grpc.ServicerContext) -> pfs.CommitInfo:
        """Describe a commit, after it is finished if the request says so."""
        state = self._model.state
        info = commits.resolve(state, request.commit)

        def finished(state: State) -> pfs.CommitInfo | None:
            now = state.commits.get(key(info.commit))
            if now is None:
                raise PachError(f"commit {shown(info.commit)} was deleted")
            return commit_info(state, now) if now.HasField("finished") else None

        waits = request.wait == pfs.CommitState.FINISHED
        return self._model.wait_for(context, finished) if waits else commit_info(state, info)

    def ModifyFile(self, requests: Iterator[pfs.ModifyFileRequest], context: grpc.ServicerContext) -> Iterator[Empty]:
        """Apply a stream of file changes to a commit, atomically.

        A stream that the client cancels can end like a complete one, before its cancellation is known. It is known once
        the response was sent, and then gRPC does not ask for more. The client takes the response with the final status.
        """
        first = next(requests, None)
        if first is None:
            raise PachError("EOF")
        if not first.HasField("set_commit"):
            raise PachError("first message must be a commit")
        target = first.set_commit
        state = self._model.state
        info = None
        try:
            info = commits.resolve(state, target)
        except NotFoundError:
            if not target.branch.name:
                raise
        if info is not None and target.id and (target.branch.name or is_commit_id(target.id)):
            commits.require_open(info)
        before = EMPTY_TREE if info is None else commits.tree(state, self._files, info)
        changes = self._received(before, requests, context)
        yield Empty()
        with self._model.change() as txn:
            if info is not None and not info.HasField("finished"):
                if key(info.commit) not in txn.commits:
                    raise NotFoundError(f"commit {shown(info.commit)} not found")
                commits.change(txn, self._files, txn.commits[key(info.commit)], changes)
                return
            branch = pfs.Branch(repo=repo_in(target), name=target.branch.name or target.id)
            fresh = branches.start_commit(txn, branch, None, "")
            commits.change(txn, self._files, fresh, changes)
            commits.finish(txn, self._files, fresh)

    def CreateFileSet(
        self, requests: Iterator[pfs.ModifyFileRequest], context: grpc.ServicerContext
    ) -> Iterator[pfs.CreateFileSetResponse]:
        """Store files as a temporary file set."""
        changes = self._received(EMPTY_TREE, requests, context)
        with self._model.change() as txn:
            name = repos.save_fileset(txn, self._files, self._files.apply(EMPTY_TREE, changes), 0)
        yield pfs.CreateFileSetResponse(file_set_id=name)

    def ComposeFileSet(
        self, request: pfs.ComposeFileSetRequest, context: grpc.ServicerContext
    ) -> pfs.CreateFileSetResponse:
        """Combine temporary file sets, in order, into a new one."""
        with self._model.change() as txn:
            whole = Changes()
            for name in request.file_set_ids:
                for entry in repos.load_fileset(txn, self._files, name).walk():
                    if entry.content is not None:
                        self._files.append(whole, entry.path, entry.datum, entry.content)
            tree = self._files.apply(EMPTY_TREE, whole)
            name = repos.save_fileset(txn, self._files, tree, request.ttl_seconds)
        return pfs.CreateFileSetResponse(file_set_id=name)

    def GetFile(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> Iterator[BytesValue]:
        """Stream the bytes of the one file that a path or pattern selects."""
        if request.offset < 0:
            raise InvalidArgumentError("offset must be non-negative")
        first, *others = itertools.islice(self._matched(request), 2)
        if first.content is None:
            raise PachError("cannot get directory or non-regular file. Use GetFileTAR instead")
        if others:
            kind = "matched multiple files" if others[0].content else "cannot get directory or non-regular file"
            raise PachError(f"{kind}. Use GetFileTAR instead")
        for piece in self._files.contents.read(first.content, request.offset):
            yield BytesValue(value=piece)

    def GetFileTAR(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> Iterator[BytesValue]:
        """Stream the files and directories that a path or pattern selects, as a tar archive."""
        for piece in tar_stream(self._matched(request), self._files.contents.read):
            yield BytesValue(value=piece)

    def InspectFile(self, request: pfs.InspectFileRequest, context: grpc.ServicerContext) -> pfs.FileInfo:
        opened = self._open(request.file)
        found = opened.tree.find(clean(request.file.path))
        if found is None:
            raise _not_found(request.file)
        return opened.describe(found)

    def WalkFile(self, request: pfs.WalkFileRequest, context: grpc.ServicerContext) -> Iterator[pfs.FileInfo]:
        """List a file, or a directory and everything below it."""
        opened = self._open(request.file)
        path = clean(request.file.path)
        found = list(opened.tree.walk(path))
        if not found and path != "/":
            raise NotFoundError(f"commit/{opened.commit.id} does not contain item: ({path})")
        return map(opened.describe, found)

    def _received(self, before: Tree, requests: Iterator[Any], context: grpc.ServicerContext) -> Changes:
        """Return the changes of a stream to the files ``before``."""
        with closing(Upload(self._files, before)) as upload:
            for request in requests:
                self._receive(upload, request, context)
            return upload.finish()

    def _receive(self, upload: Upload, request: Any, context: grpc.ServicerContext) -> None:
        kind = request.WhichOneof("body")
        if kind == "add_file":
            added = request.add_file
            from_url = added.WhichOneof("source") == "url"
            pieces = read_url(added.url.URL, context.is_active) if from_url else iter([added.raw.value])
            for piece in itertools.chain([b""], pieces):  # an empty body is a file too
                upload.add(added.path, added.datum, piece)
        elif kind == "delete_file":
            upload.delete(request.delete_file.path, request.delete_file.datum)
        elif kind == "copy_file":
            copy = request.copy_file
            path = clean(copy.src.path)
            upload.copy(path, clean(copy.dst), self._open(copy.src).tree.walk(path), copy.datum, append=copy.append)
        else:
            raise PachError("cannot set commit" if kind == "set_commit" else "unrecognized message type")

    def _matched(self, request: pfs.GetFileRequest) -> Iterator[Entry]:
        pattern: re.Pattern[str] = compile_glob(clean(request.file.path))
        entries = self._open(request.file).tree.glob(pattern, with_contents=True)
        first = next(entries, None)
        if first is None:
            raise _not_found(request.file)
        return itertools.chain([first], entries)

    def _open(self, file: pfs.File) -> Opened:
        state, repo = self._model.state, repo_in(file.commit)
        if repo.name == repos.FILESETS_REPO:
            commit = pfs.Commit(repo=pfs.Repo(name=repo.name, type=repo.type), id=file.commit.id)
            return Opened(commit, None, repos.load_fileset(state, self._files, commit.id))
        info = commits.resolve(state, file.commit)
        return Opened(info.commit, info, commits.tree(state, self._files, info))


def _not_found(file: pfs.File) -> NotFoundError:
    repo = shown(repo_in(file.commit))
    return NotFoundError(f"file {file.path} not found in repo {repo} at commit {file.commit.id}")
