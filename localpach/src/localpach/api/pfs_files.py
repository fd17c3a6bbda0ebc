"""The PFS calls about files."""

import itertools
from collections.abc import Iterator
from typing import Any

import grpc

from localpach.backend import Calls
from localpach.errors import InvalidArgumentError, NotFoundError, PachError
from localpach.messages import BytesValue, Empty, commit_ref, pfs
from localpach.names import is_commit_id
from localpach.pfs import branches, commits, temporary
from localpach.pfs.commits import Commit
from localpach.pfs.filesets import EMPTY, Changes, Snapshot
from localpach.pfs.globs import compile_glob
from localpach.pfs.listing import Entry, Tree, differences
from localpach.pfs.paths import clean
from localpach.pfs.reading import OpenCommit
from localpach.pfs.tar import tar_stream
from localpach.pfs.urls import read_url
from localpach.pfs.writing import Upload
from localpach.pps.datums import file_info
from localpach.refs import CommitRef

FIRST_MESSAGE = "first message must be a commit"


class FileCalls(Calls):
    def ModifyFile(self, requests: Iterator[pfs.ModifyFileRequest], context: grpc.ServicerContext) -> Iterator[Empty]:
        """Apply a stream of file changes to a commit, atomically.

        A stream that the client cancels can end like a complete one, before its cancellation is known. It is known once
        the response was sent, and then gRPC does not ask for more. The client takes the response with the final status.
        """
        first = next(requests, None)
        if first is None:
            raise PachError("EOF")
        if not first.HasField("set_commit"):
            raise PachError(FIRST_MESSAGE)
        target = commit_ref(first.set_commit)
        backend = self._backend
        try:
            with backend.db.read() as txn:
                commit: Commit | None = commits.resolve(txn, target)
        except NotFoundError:
            if not target.branch:
                raise
            commit = None
        if commit is not None and target.id and (target.branch or is_commit_id(target.id)):
            commits.require_open(commit)
        with backend.contents.session() as session:
            upload = Upload(backend.contents, session, lambda: self._snapshot(commit))
            self._receive(upload, requests, context)
            changes = upload.finish()
            yield Empty()
            self._apply(target, commit, changes)

    def GetFile(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> Iterator[BytesValue]:
        """Stream the bytes of the one file that a path or pattern selects."""
        if request.offset < 0:
            raise InvalidArgumentError("offset must be non-negative")
        tree, entries = self._matched(request, context)
        first = next(entries)
        if first.is_dir:
            raise PachError("cannot get directory or non-regular file. Use GetFileTAR instead")
        second = next(entries, None)
        if second is not None:
            kind = "cannot get directory or non-regular file" if second.is_dir else "matched multiple files"
            raise PachError(f"{kind}. Use GetFileTAR instead")
        for piece in tree.read(first, request.offset):
            yield BytesValue(value=piece)

    def GetFileTAR(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> Iterator[BytesValue]:
        """Stream the files and directories that a path or pattern selects, as a tar archive."""
        tree, entries = self._matched(request, context)
        for piece in tar_stream(entries, tree.read):
            yield BytesValue(value=piece)

    def InspectFile(self, request: pfs.InspectFileRequest, context: grpc.ServicerContext) -> pfs.FileInfo:
        opened = self._open(request.file, context)
        path = clean(request.file.path)
        found = None
        for entry in opened.tree.walk(path, request.file.datum):
            if entry.path in (path, path.rstrip("/") + "/"):
                found = entry
        if found is None:
            raise _not_found(request.file)
        return file_info(opened.commit, opened.ref, found)

    def ListFile(self, request: pfs.ListFileRequest, context: grpc.ServicerContext) -> Iterator[pfs.FileInfo]:
        """List the entries directly in a directory."""
        opened = self._open(request.file, context)
        for entry in opened.tree.children(clean(request.file.path), request.file.datum):
            yield file_info(opened.commit, opened.ref, entry)

    def WalkFile(self, request: pfs.WalkFileRequest, context: grpc.ServicerContext) -> Iterator[pfs.FileInfo]:
        """List a file, or a directory and everything below it."""
        opened = self._open(request.file, context)
        path = clean(request.file.path)
        entries = opened.tree.walk(path, request.file.datum)
        first = next(entries, None)
        if first is None:
            if path == "/":
                return
            uuid = opened.commit.uuid if opened.commit else opened.ref.id
            raise NotFoundError(f"commit/{uuid} does not contain item: ({path})")
        for entry in itertools.chain([first], entries):
            yield file_info(opened.commit, opened.ref, entry)

    def GlobFile(self, request: pfs.GlobFileRequest, context: grpc.ServicerContext) -> Iterator[pfs.FileInfo]:
        opened = self._backend.reader.open(commit_ref(request.commit), context)
        glob = compile_glob(clean(request.pattern))
        for entry in opened.tree.glob(glob):
            yield file_info(opened.commit, opened.ref, entry)

    def DiffFile(self, request: pfs.DiffFileRequest, context: grpc.ServicerContext) -> Iterator[pfs.DiffFileResponse]:
        """List the differences between two commits, or between a commit and its parent."""
        new = self._open(request.new_file, context)
        new_path = clean(request.new_file.path)
        old: OpenCommit | None = None
        old_path = new_path
        if request.HasField("old_file"):
            old = self._open(request.old_file, context)
            old_path = clean(request.old_file.path)
        elif new.commit is not None and new.commit.parent is not None:
            with self._backend.db.read() as txn:
                parent = commits.get(txn, new.commit.parent)
            old = self._backend.reader.open(CommitRef(parent.repo, parent.uuid), context)
        before = iter(()) if old is None else old.tree.walk(old_path, request.old_file.datum)
        for was, now in differences(before, new.tree.walk(new_path, request.new_file.datum)):
            answer = pfs.DiffFileResponse()
            if was is not None and old is not None:
                answer.old_file.CopyFrom(file_info(old.commit, old.ref, was))
            if now is not None:
                answer.new_file.CopyFrom(file_info(new.commit, new.ref, now))
            yield answer

    def CreateFileSet(
        self, requests: Iterator[pfs.ModifyFileRequest], context: grpc.ServicerContext
    ) -> Iterator[pfs.CreateFileSetResponse]:
        """Store changes as a temporary file set."""
        backend = self._backend
        with backend.contents.session() as session:
            upload = Upload(backend.contents, session, lambda: EMPTY)
            self._receive(upload, requests, context)
            changes = upload.finish()
            with backend.db.write() as txn:
                name = temporary.save(txn, changes)
        yield pfs.CreateFileSetResponse(file_set_id=name)

    def ComposeFileSet(
        self, request: pfs.ComposeFileSetRequest, context: grpc.ServicerContext
    ) -> pfs.CreateFileSetResponse:
        """Combine temporary file sets, in order, into a new one."""
        with self._backend.db.write() as txn:
            whole = Changes()
            for name in request.file_set_ids:
                whole = whole.then(temporary.load(txn, name))
            ttl = request.ttl_seconds or temporary.DEFAULT_TTL
            return pfs.CreateFileSetResponse(file_set_id=temporary.save(txn, whole, ttl))

    def _receive(self, upload: Upload, requests: Iterator[Any], context: grpc.ServicerContext) -> None:
        for request in requests:
            kind = request.WhichOneof("body")
            if kind == "add_file":
                added = request.add_file
                if added.WhichOneof("source") == "url":
                    pieces = read_url(added.url.URL, context.add_callback)
                else:
                    pieces = iter([added.raw.value])
                for piece in itertools.chain([b""], pieces):  # an empty body is a file too
                    upload.add(added.path, added.datum, piece)
            elif kind == "delete_file":
                upload.delete(request.delete_file.path, request.delete_file.datum)
            elif kind == "copy_file":
                copy = request.copy_file
                source = self._backend.reader.open(commit_ref(copy.src.commit), None)
                path = clean(copy.src.path)
                entries = source.tree.walk(path, copy.src.datum)
                upload.copy(path, clean(copy.dst), entries, copy.datum, append=copy.append)
            elif kind == "set_commit":
                raise PachError("cannot set commit")
            else:
                raise PachError("unrecognized message type")

    def _snapshot(self, commit: Commit | None) -> Snapshot:
        if commit is None:
            return EMPTY
        with self._backend.db.read() as txn:
            return self._backend.content.snapshot(txn, commits.get(txn, commit.id))

    def _apply(self, target: CommitRef, commit: Commit | None, changes: Changes) -> None:
        backend = self._backend
        with backend.db.write() as txn:
            if commit is not None and commit.finishing is None:
                now = commits.find(txn, commit.repo, commit.uuid)
                if now is None:
                    raise NotFoundError(f"commit {commit} not found")
                backend.content.add(txn, now, changes)
                return
            branch = target.repo.branch(target.branch or target.id)
            fresh = branches.start_commit(txn, branch, None, "")
            backend.content.add(txn, fresh, changes)
            backend.content.finish(txn, fresh)

    def _matched(self, request: pfs.GetFileRequest, context: grpc.ServicerContext) -> tuple[Tree, Iterator[Entry]]:
        opened = self._open(request.file, context)
        glob = compile_glob(clean(request.file.path))
        entries = opened.tree.matched_with_contents(glob, request.file.datum)
        first = next(entries, None)
        if first is None:
            raise _not_found(request.file)
        return opened.tree, itertools.chain([first], entries)

    def _open(self, file: pfs.File, context: grpc.ServicerContext) -> OpenCommit:
        return self._backend.reader.open(commit_ref(file.commit), context)


def _not_found(file: pfs.File) -> NotFoundError:
    ref = commit_ref(file.commit)
    return NotFoundError(f"file {file.path} not found in repo {ref.repo} at commit {ref.id}")
