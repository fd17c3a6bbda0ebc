"""Required and unsupported fields of requests, checked before anything else; the words are those of the real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localpach.errors import PachError, UnimplementedError
from localpach.messages import pfs, pps, transaction


def check_call(request: Any) -> None:
    """Raise PachError if a required field of a request is missing or an unsupported one is set, except in streams."""
    unsupported = UNSUPPORTED.get(type(request), ())
    for field, _ in request.ListFields() if unsupported else ():
        if field.name in unsupported:
            raise UnimplementedError(f"localpach does not support {field.name} of a {type(request).__name__}")
    check = _CALLS.get(type(request))
    if check is not None:
        check(request)


def check_within_transaction(request: transaction.TransactionRequest) -> None:
    """Raise PachError for a request that runs in a transaction, whose error text is prefixed by the transaction."""
    if request.HasField("create_branch"):
        _new_branch(request.create_branch)
    elif request.HasField("delete_branch"):
        _branch(request.delete_branch)
    elif request.HasField("finish_commit"):
        # The real server uses "file" here too.
        _within("check new file commit", request.finish_commit)


def _commit(message: Any, field: str = "commit") -> None:
    if not message.HasField(field):
        raise PachError("commit cannot be nil")
    commit = getattr(message, field)
    if not commit.HasField("repo") and not commit.branch.HasField("repo"):
        raise PachError("commit must have a repo")


def _commits_if_given(*fields: str) -> Callable[[Any], None]:
    def check(request: Any) -> None:
        for field in fields:
            if request.HasField(field):
                _commit(request, field)

    return check


def _file(request: Any) -> None:
    if not request.HasField("file"):
        raise PachError("file cannot be nil")
    _commit(request.file)


def _files_to_compare(request: pfs.DiffFileRequest) -> None:
    if not request.HasField("new_file"):
        raise PachError("file cannot be nil")
    _within("check new file commit", request.new_file)
    if request.HasField("old_file"):
        _within("check old file commit", request.old_file)


def _commit_set(request: Any) -> None:
    if not request.HasField("commit_set"):
        raise PachError("commitset cannot be nil")


def _branch(request: Any) -> None:
    if not request.HasField("branch"):
        raise PachError("branch cannot be nil")
    if not request.branch.HasField("repo"):
        raise PachError("branch repo cannot be nil")


def _new_branch(request: pfs.CreateBranchRequest) -> None:
    if request.HasField("head"):
        _commit(request, "head")
        head = request.head.repo if request.head.HasField("repo") else request.head.branch.repo
        # The real server compares the names only, not project and type.
        if request.HasField("branch") and request.branch.repo.name != head.name:
            raise PachError("branch and head commit must belong to the same repo")
    _branch(request)


def _within(prefix: str, message: Any) -> None:
    try:
        _commit(message)
    except PachError as error:
        raise error.within(prefix) from None


_CALLS: dict[type, Callable[[Any], None]] = {
    pfs.InspectFileRequest: _file,
    pfs.ListFileRequest: _file,
    pfs.WalkFileRequest: _file,
    pfs.GetFileRequest: _file,
    pfs.DiffFileRequest: _files_to_compare,
    pfs.GlobFileRequest: _commit,
    pfs.InspectCommitRequest: _commit,
    pfs.ListCommitRequest: _commits_if_given("to", "from"),
    pfs.StartCommitRequest: _commits_if_given("parent"),
    pfs.InspectCommitSetRequest: _commit_set,
    pfs.InspectBranchRequest: _branch,
}

_PAGES = ("number", "reverse", "paginationMarker")
UNSUPPORTED: dict[type, tuple[str, ...]] = {
    pfs.ListCommitRequest: ("reverse", "started_time"),
    pfs.ListBranchRequest: ("reverse",),
    pfs.CreateBranchRequest: ("trigger",),
    pfs.ListFileRequest: _PAGES,
    pfs.WalkFileRequest: _PAGES,
    pfs.GlobFileRequest: ("path_range",),
    pfs.GetFileRequest: ("URL", "path_range"),
    pps.ListPipelineRequest: ("commit_set", "jqFilter"),
    pps.DeletePipelineRequest: ("all",),
    pps.ListJobRequest: ("input_commit", "jqFilter", "reverse", "paginationMarker"),
    pps.ListJobSetRequest: ("jqFilter", "reverse", "paginationMarker"),
    pps.ListDatumRequest: ("input", *_PAGES),
    pps.GetLogsRequest: ("data_filters", "master", "use_loki_backend"),
}
"""Fields that localpach does not carry out, by the request."""
