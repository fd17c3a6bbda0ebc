"""The calls about projects, repos, branches, commits and files."""

import itertools
import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc

from localpach.api.describe import branch_info, commit_info, file_info, repo_info, repo_size
from localpach.errors import NotFoundError, PachError
from localpach.messages import BytesValue, Empty, key, pfs, repo_in, shown
from localpach.names import is_commit_id
from localpach.pfs import branches, commits, repos
from localpach.pfs.files import EMPTY_TREE, Edit, Entry, Tree
from localpach.pfs.paths import clean, compile_glob, validate
from localpach.pfs.transfer import edits, read_url, tar_stream
from localpach.protocol import pfs_grpc
from localpach.requests import Requests, performed
from localpach.state import Content


class Opened(NamedTuple):
    """The files of a commit, or of a file set, which has no commit."""

    commit: pfs.Commit
    info: pfs.CommitInfo | None
    tree: Tree


class PfsService(pfs_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    CreateRepo = performed("create_repo")
    DeleteRepo = performed("delete_repo")
    FinishCommit = performed("finish_commit")

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._model = requests.model
        self._files = requests.files

    def CreateProject(self, request: pfs.CreateProjectRequest, context: grpc.ServicerContext) -> Empty:
        with self._model.change() as txn:
            repos.create_project(txn, request)
        return Empty()

    def ListProject(self, request: pfs.ListProjectRequest, context: grpc.ServicerContext) -> Iterator[pfs.ProjectInfo]:
        return iter(self._model.state.projects.values())

    def InspectRepo(self, request: pfs.InspectRepoRequest, context: grpc.ServicerContext) -> pfs.RepoInfo:
        state = self._model.state
        size = pfs.RepoInfo.Details(size_bytes=repo_size(state, request.repo))
        return repo_info(state, repos.get(state, request.repo), details=size)

    def ListRepo(self, request: pfs.ListRepoRequest, context: grpc.ServicerContext) -> Iterator[pfs.RepoInfo]:
        """List the repos of a type, newest first."""
        state = self._model.state
        for info in repos.list_all(state, request.type, [each.name for each in request.projects]):
            yield repo_info(state, info, size_bytes_upper_bound=repo_size(state, info.repo))

    def InspectBranch(self, request: pfs.InspectBranchRequest, context: grpc.ServicerContext) -> pfs.BranchInfo:
        state = self._model.state
        return branch_info(state, branches.get(state, request.branch))

    def ListBranch(self, request: pfs.ListBranchRequest, context: grpc.ServicerContext) -> Iterator[pfs.BranchInfo]:
        """List the branches of a repo, newest first."""
        state = self._model.state
        return (branch_info(state, each) for each in branches.in_repo(state, request.repo))

    def StartCommit(self, request: pfs.StartCommitRequest, context: grpc.ServicerContext) -> pfs.Commit:
        return self.requests.perform(context, start_commit=request).commit

    def InspectCommit(self, request: pfs.InspectCommitRequest, context: grpc.ServicerContext) -> pfs.CommitInfo:
        """Describe a commit, after it is finished if the request says so."""
        info = commits.resolve(self._model.state, request.commit)
        if request.wait == pfs.CommitState.FINISHED:
            info = self._model.wait_for(context, "commits", key(info.commit), lambda each: each.HasField("finished"))
        return commit_info(self._model.state, info)

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
        changes = self._edits(requests, context)
        yield Empty()
        with self._model.change() as txn:
            if info is not None and not info.HasField("finished"):
                if key(info.commit) not in txn.commits:
                    raise NotFoundError(f"commit {shown(info.commit)} not found")
                commits.change(txn, self._files, txn.commits[key(info.commit)], changes)
                return
            branch = pfs.Branch(repo=repo_in(target), name=target.branch.name or target.id)
            fresh = branches.start_commit(txn, branch)
            commits.change(txn, self._files, fresh, changes)
            commits.finish(txn, self._files, fresh)

    def CreateFileSet(
        self, requests: Iterator[pfs.ModifyFileRequest], context: grpc.ServicerContext
    ) -> Iterator[pfs.CreateFileSetResponse]:
        """Store files as a temporary file set."""
        tree = self._files.apply(EMPTY_TREE, self._edits(requests, context))
        with self._model.change() as txn:
            name = repos.save_fileset(txn, self._files, tree)
        yield pfs.CreateFileSetResponse(file_set_id=name)

    def ComposeFileSet(
        self, request: pfs.ComposeFileSetRequest, context: grpc.ServicerContext
    ) -> pfs.CreateFileSetResponse:
        """Combine temporary file sets, in order, into a new one."""
        with self._model.change() as txn:
            loaded = (repos.load_fileset(txn, self._files, name) for name in request.file_set_ids)
            entries = itertools.chain.from_iterable(tree.walk() for tree in loaded)
            whole = [Edit(each.path, each.datum, each.content) for each in entries if each.content]
            tree = self._files.apply(EMPTY_TREE, whole)
            name = repos.save_fileset(txn, self._files, tree)
        return pfs.CreateFileSetResponse(file_set_id=name)

    def GetFile(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> Iterator[BytesValue]:
        """Stream the bytes of a file."""
        content = self._found(request.file)[1].content
        if content is None:
            raise PachError("cannot get directory or non-regular file. Use GetFileTAR instead")
        for piece in self._files.contents.read(content):
            yield BytesValue(value=piece)

    def GetFileTAR(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> Iterator[BytesValue]:
        """Stream the files and directories that a path or pattern selects, as a tar archive."""
        pattern: re.Pattern[str] = compile_glob(clean(request.file.path))
        found = list(self._open(request.file).tree.glob(pattern, with_contents=True))
        if not found:
            raise _not_found(request.file)
        for piece in tar_stream(found, self._files.contents.read):
            yield BytesValue(value=piece)

    def InspectFile(self, request: pfs.InspectFileRequest, context: grpc.ServicerContext) -> pfs.FileInfo:
        opened, found = self._found(request.file)
        return file_info(opened.commit, opened.info, found)

    def WalkFile(self, request: pfs.WalkFileRequest, context: grpc.ServicerContext) -> Iterator[pfs.FileInfo]:
        """List a file, or a directory and everything below it."""
        opened = self._open(request.file)
        path = clean(request.file.path)
        found = list(opened.tree.walk(path))
        if not found and path != "/":
            raise NotFoundError(f"commit/{opened.commit.id} does not contain item: ({path})")
        return (file_info(opened.commit, opened.info, each) for each in found)

    def _edits(self, requests: Iterator[Any], context: grpc.ServicerContext) -> list[Edit]:
        pieces = (self._pieces(request, context) for request in requests)
        return edits(self._files.contents, itertools.chain.from_iterable(pieces))

    def _pieces(self, request: Any, context: grpc.ServicerContext) -> Iterator[tuple[str, bytes | Content | None]]:
        """Yield what a request changes, for `edits`."""
        kind = request.WhichOneof("body")
        if kind not in ("add_file", "delete_file", "copy_file"):
            raise PachError("cannot set commit" if kind == "set_commit" else "unrecognized message type")
        change = getattr(request, kind)
        if kind == "copy_file":
            source, target = clean(change.src.path), clean(change.dst)
            for entry in self._open(change.src).tree.walk(source):
                path = clean(f"{target}/{posixpath.relpath(entry.path, source)}")
                if entry.content and not change.append:
                    yield path, None
                if entry.content:
                    yield path, entry.content
            return
        validate(change.path)
        path = clean(change.path)
        if kind == "delete_file":
            yield f"{path.rstrip('/')}/" if change.path.endswith("/") else path, None
            return
        from_url = change.WhichOneof("source") == "url"
        pieces = read_url(change.url.URL, context.is_active) if from_url else iter([change.raw.value])
        for piece in itertools.chain([b""], pieces):  # an empty body is a file too
            yield path, piece

    def _found(self, file: pfs.File) -> tuple[Opened, Entry]:
        """Return a file, or a directory, and the commit that has it."""
        opened = self._open(file)
        found = opened.tree.find(clean(file.path))
        if found is None:
            raise _not_found(file)
        return opened, found

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
