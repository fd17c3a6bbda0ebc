"""The calls about projects, repos, branches, commits and files."""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc

from localpach.api.describe import branch_info, commit_info, file_info, project_info, repo_info, repo_size
from localpach.errors import InvalidArgumentError, NotFoundError, PachError
from localpach.messages import BytesValue, Empty, branch_ref, commit_ref, pfs, repo_ref
from localpach.names import is_commit_id
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import EMPTY_TREE, Changes, Entry, Tree
from localpach.pfs.paths import clean, compile_glob
from localpach.pfs.transfer import Upload, read_url, tar_stream
from localpach.protocol import pfs_grpc
from localpach.refs import CommitRef
from localpach.requests import Requests
from localpach.state import Commit, State


@dataclass(frozen=True, slots=True)
class Opened:
    """The files of a commit, or of a file set, which has no commit."""

    ref: CommitRef
    commit: Commit | None
    tree: Tree

    def describe(self, entry: Entry) -> pfs.FileInfo:
        return file_info(self.commit, self.ref, entry)


class PfsService(pfs_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._model = requests.model
        self._files = requests.files

    def CreateProject(self, request: pfs.CreateProjectRequest, context: grpc.ServicerContext) -> Empty:
        name = request.project.name if request.HasField("project") else None
        with self._model.change() as txn:
            repos.create_project(txn, name, request.description, update=request.update)
        return Empty()

    def ListProject(self, request: pfs.ListProjectRequest, context: grpc.ServicerContext) -> Iterator[pfs.ProjectInfo]:
        return map(project_info, self._model.state.projects.values())

    def CreateRepo(self, request: pfs.CreateRepoRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, create_repo=request)
        return Empty()

    def InspectRepo(self, request: pfs.InspectRepoRequest, context: grpc.ServicerContext) -> pfs.RepoInfo:
        state = self._model.state
        repo = repos.get(state, repo_ref(request.repo))
        info = repo_info(state, repo)
        info.details.size_bytes = repo_size(state, repo)
        return info

    def ListRepo(self, request: pfs.ListRepoRequest, context: grpc.ServicerContext) -> Iterator[pfs.RepoInfo]:
        """List the repos of a type, newest first."""
        state = self._model.state
        for repo in repos.list_all(state, request.type, [each.name for each in request.projects]):
            info = repo_info(state, repo)
            info.size_bytes_upper_bound = repo_size(state, repo)
            yield info

    def DeleteRepo(self, request: pfs.DeleteRepoRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, delete_repo=request)
        return Empty()

    def InspectBranch(self, request: pfs.InspectBranchRequest, context: grpc.ServicerContext) -> pfs.BranchInfo:
        state = self._model.state
        return branch_info(state, branches.get(state, branch_ref(request.branch)))

    def ListBranch(self, request: pfs.ListBranchRequest, context: grpc.ServicerContext) -> Iterator[pfs.BranchInfo]:
        """List the branches of a repo, newest first."""
        repo = repo_ref(request.repo) if request.HasField("repo") else None
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
        commit = commits.resolve(state, commit_ref(request.commit))

        def finished(state: State) -> pfs.CommitInfo | None:
            now = state.commits.get(commit.key)
            if now is None:
                raise PachError(f"commit {commit} was deleted")
            return commit_info(state, now) if now.finished else None

        waits = request.wait == pfs.CommitState.FINISHED
        return self._model.wait_for(context, finished) if waits else commit_info(state, commit)

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
        target = commit_ref(first.set_commit)
        state = self._model.state
        commit = None
        try:
            commit = commits.resolve(state, target)
        except NotFoundError:
            if not target.branch:
                raise
        if commit is not None and target.id and (target.branch or is_commit_id(target.id)):
            commits.require_open(commit)
        before = EMPTY_TREE if commit is None else commits.tree(state, self._files, commit)
        changes = self._received(before, requests, context)
        yield Empty()
        with self._model.change() as txn:
            if commit is not None and not commit.finished:
                if commit.key not in txn.commits:
                    raise NotFoundError(f"commit {commit} not found")
                commits.change(txn, self._files, txn.commits[commit.key], changes)
                return
            fresh = branches.start_commit(txn, target.repo.branch(target.branch or target.id), None, "")
            commits.finish(txn, self._files, commits.change(txn, self._files, fresh, changes))

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
            name = opened.commit.id if opened.commit else opened.ref.id
            raise NotFoundError(f"commit/{name} does not contain item: ({path})")
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
        ref = commit_ref(file.commit)
        state = self._model.state
        if ref.repo.name == repos.FILESETS_REPO:
            return Opened(ref, None, repos.load_fileset(state, self._files, ref.id).of_datum(file.datum))
        commit = commits.resolve(state, ref)
        return Opened(ref, commit, commits.tree(state, self._files, commit).of_datum(file.datum))


def _not_found(file: pfs.File) -> NotFoundError:
    ref = commit_ref(file.commit)
    return NotFoundError(f"file {file.path} not found in repo {ref.repo} at commit {ref.id}")
