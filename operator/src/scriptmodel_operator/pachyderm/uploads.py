"""Files of any size into a branch as one commit, streamed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.protocol import pfs, wrappers_pb2
from scriptmodel_operator.pachyderm.values import BranchRef

EVERYTHING = "/"
"""With its slash at the end, a DeleteFile of it removes all that is below."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file at `path`, made of `pieces` of at most a few MiB; each is asked for when the one before is sent."""

    path: str
    pieces: Iterable[bytes]


def upload_requests(branch: BranchRef, files: Iterable[Upload], *, replace: bool) -> Iterator[Any]:
    """A ModifyFile stream. Adding to a path that is there appends, so each is deleted first."""
    target = pfs.Commit(repo=messages.repo_message(branch.repo), branch=messages.branch_message(branch))
    yield pfs.ModifyFileRequest(set_commit=target)
    if replace:
        yield pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=EVERYTHING))
    for file in files:
        yield pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=file.path))
        for piece in file.pieces:
            raw = wrappers_pb2.BytesValue(value=piece)
            yield pfs.ModifyFileRequest(add_file=pfs.AddFile(path=file.path, raw=raw))


def send(method: Any, requests: Iterator[Any], seconds: float, metadata: list[tuple[str, str]]) -> None:
    """The whole stream, or none of it: an error of `requests`, raised here again, or an interrupt cancels the call.

    A stream that only ended early would be taken for a complete one.
    """
    failures: list[BaseException] = []
    begun = threading.Event()

    def guarded() -> Iterator[Any]:
        try:
            yield from requests
        except Exception as error:
            failures.append(error)
            begun.wait()
            call.cancel()

    call = method.future(guarded(), timeout=seconds, metadata=metadata)
    begun.set()
    try:
        call.result()
    except BaseException:
        call.cancel()
        if failures:
            raise failures[0] from None
        raise
