"""The gateway over gRPC: its requests, and its handling of unexpected answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, wrappers_pb2

from scriptmodel_operator.engine.errors import RefusedError, UnavailableError
from scriptmodel_operator.engine.values import (
    BranchRef,
    JobRef,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    RepoRef,
    UserBucket,
)
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.protocol import pfs, pfs_grpc, pps, pps_grpc, transaction, transaction_grpc
from tests.unit.operator.versioned_pachd import REFUSED_BY_STORAGE, Pachd

REPO = RepoRef("default", "plays")


class Pfs(pfs_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    """Has one file of ten bytes, of which `sent` come, and the repos in `repos`."""

    sent = b"0123456789"
    repos = ""

    def ListRepo(self, _request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        yield from (pfs.RepoInfo(repo=pfs.Repo(name=name)) for name in self.repos)

    def InspectFile(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        return pfs.FileInfo(file=request.file, size_bytes=10)

    def GetFile(self, _request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        yield wrappers_pb2.BytesValue(value=self.sent[:4])
        yield wrappers_pb2.BytesValue(value=self.sent[4:])


class Pps(pps_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    """Refuses the second pipeline of each transaction."""

    def CreatePipeline(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        reported = dict(context.invocation_metadata())["pach-transaction"]
        if request.pipeline.name == "second":
            context.abort(grpc.StatusCode.UNKNOWN, f"{reported}: no")
        return empty_pb2.Empty()

    def GetLogs(self, request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        yield pps.LogMessage(job_id=request.job.id, user=False, message="of the worker\n")
        yield pps.LogMessage(job_id=request.job.id, user=True, message="of the trainer\n")
        verdict = "errored running user code after 1m6.162928307s: signal: killed"
        yield pps.LogMessage(job_id=request.job.id, user=False, message=verdict)
        for error in ("context canceled", REFUSED_BY_STORAGE):
            text = f"errored process datum set task: {error}"
            yield pps.LogMessage(job_id=request.job.id, user=False, message=text)


class Transactions(transaction_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    """Remembers which are open."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.finished: list[str] = []
        self.time: datetime | None = None

    def StartTransaction(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.open.append(f"tx{len(self.open)}")
        return transaction.Transaction(id=self.open[-1])

    def BatchTransaction(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        assert not request.requests
        found = transaction.TransactionInfo()
        if self.time is not None:
            found.started.FromDatetime(self.time)
        return found

    def FinishTransaction(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.finished.append(request.transaction.id)
        self.open.remove(request.transaction.id)
        return transaction.TransactionInfo(transaction=request.transaction)

    def DeleteTransaction(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.open.remove(request.transaction.id)
        return empty_pb2.Empty()


@contextmanager
def pachd() -> Iterator[tuple[PachydermGateway, Pfs, Transactions]]:
    server, files, transactions = grpc.server(ThreadPoolExecutor(4)), Pfs(), Transactions()
    pfs_grpc.add_APIServicer_to_server(files, server)
    pps_grpc.add_APIServicer_to_server(Pps(), server)
    transaction_grpc.add_APIServicer_to_server(transactions, server)
    server.add_generic_rpc_handlers((Pachd(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    gateway = PachydermGateway(PachdAddress(f"127.0.0.1:{port}"), UNLIMITED)
    try:
        yield gateway, files, transactions
    finally:
        gateway.close()
        server.stop(None).wait()


def pipeline(name: str) -> PipelineApply:
    branch = BranchRef(REPO, "master")
    return PipelineApply(
        PipelineSpec(PipelineRef("default", name), "image:1", ("true",), PipelineInput("corpus", branch, "/"))
    )


def test_a_refusal_in_a_transaction_drops_the_whole_transaction() -> None:
    with pachd() as (gateway, _files, transactions):
        with pytest.raises(RefusedError, match="tx0: no"):
            gateway.apply_pipelines([pipeline("first"), pipeline("second")])
        assert (transactions.open, transactions.finished) == ([], [])
        gateway.apply_pipelines([pipeline("first"), pipeline("third")])
        assert transactions.finished == ["tx0"]


def test_a_bucket_of_a_user_is_refused_with_what_to_do_instead() -> None:
    with pachd() as (gateway, _files, _transactions):
        bucket = UserBucket("s3://plays/shaw", "plays")
        with pytest.raises(RefusedError, match=r"s3://plays/shaw.*cannot use a Secret of yours.*scriptmodel push"):
            gateway.fetch_bucket(BranchRef(REPO, "master"), bucket, 1, lambda: False)


def test_an_incomplete_file_is_an_error() -> None:
    with pachd() as (gateway, files, _transactions):
        assert gateway.read_file(REPO, "1", "/a", 100) == b"0123456789"
        assert gateway.read_file(REPO, "1", "/a", 3) == b"012", "at most the requested number of bytes"
        files.sent = b"0123456"
        with pytest.raises(UnavailableError, match="only 7 of 10 bytes came"):
            gateway.read_file(REPO, "1", "/a", 100)


def test_of_the_workers_own_lines_a_log_has_how_it_ended_and_why_it_is_repeated() -> None:
    with pachd() as (gateway, _files, _transactions):
        found = gateway.read_log(JobRef(PipelineRef("default", "train"), "1"), follow=False, seconds=5)
        lines = [(line.text, line.verdict, line.worker_error) for line in found]
        assert lines == [
            ("of the trainer", False, False),
            ("signal: killed", True, False),
            (REFUSED_BY_STORAGE, False, True),
        ]


@pytest.mark.parametrize("kind", ["join", "group", "cross", "union"])
def test_readers_are_found_however_their_inputs_are_nested(kind: str) -> None:
    """Overlooked, the deletion of what they read would stop a pipeline and then fail."""
    inner, outer = pps.Input(), pps.Input()
    inner.cross.extend([pps.Input(pfs=pps.PFSInput(repo="plays", branch="draft", project="x"))])
    getattr(outer, kind).extend([pps.Input(pfs=pps.PFSInput(repo="other")), inner])
    reader = pps.Pipeline(name="reader", project=pfs.Project(name="default"))
    info = pps.PipelineInfo(pipeline=reader, details=pps.PipelineInfo.Details(input=outer))
    assert messages.pipeline_info(info).inputs == (
        BranchRef(RepoRef("default", "other"), "master"),
        BranchRef(RepoRef("x", "plays"), "draft"),
    )


def test_a_closed_commit_is_finishing_until_the_server_has_checked_it() -> None:
    said = pfs.CommitInfo(commit=messages.commit_message(REPO, "1"))
    opened = messages.commit_info(said)
    assert (opened.open, opened.finishing, opened.finished) == (True, False, False)
    said.finishing.GetCurrentTime()
    closed = messages.commit_info(said)
    assert (closed.open, closed.finishing, closed.finished) == (False, True, False)
    said.finished.GetCurrentTime()
    finished = messages.commit_info(said)
    assert (finished.open, finished.finishing, finished.finished) == (False, False, True)
    assert finished.finished_at == messages.moment(said, "finished")


def test_the_clock_of_pachd_is_read_from_a_transaction_that_is_never_open() -> None:
    with pachd() as (gateway, _files, transactions):
        transactions.time = datetime(2026, 1, 1, 12, 0, 0, 250000, tzinfo=UTC)
        assert gateway.server_time() == transactions.time
        transactions.time = None
        with pytest.raises(UnavailableError, match="no time"):
            gateway.server_time()
        assert (transactions.open, transactions.finished) == ([], [])
