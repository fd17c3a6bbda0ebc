"""The python_pachyderm client library against localpach."""

import io
import re
from pathlib import Path
from typing import Any

import grpc
import pytest
import python_pachyderm
from python_pachyderm.service import pps_proto

from localpach.api.cluster import TransactionService
from localpach.api.interceptor import GENERATED
from localpach.api.pfs_service import PfsService
from localpach.api.pps_service import PpsService
from localpach.protocol import pfs_grpc, pps_grpc, transaction_grpc
from tests.contract.serving import Localpach
from tests.unit.localpach.client import Name, until


@pytest.fixture
def library(server: Localpach) -> python_pachyderm.Client:
    """Return a client of the library."""
    return python_pachyderm.Client(server.host, server.port)


def test_projects_repos_commits_and_files(library: python_pachyderm.Client, name: Name) -> None:
    project, corpus = name("project"), name("corpus")
    library.create_project(project, description="first")
    assert (project, "first") in [(info.project.name, info.description) for info in library.list_project()]
    with library.transaction():
        library.create_repo(corpus, description="plays")
    assert library.inspect_repo(corpus).description == "plays"
    with library.commit(corpus, "master") as commit:
        library.put_file_bytes(commit, "/a.txt", b"one\n")
        library.put_file_bytes(commit, "/a.txt", b"two\n", append=True)
        library.put_file_bytes(commit, "/d/b.txt", io.BytesIO(b"b" * 100))
    head = (corpus, "master")
    assert library.get_file(head, "/a.txt").read() == b"one\ntwo\n"
    assert library.inspect_file(head, "/d/b.txt").size_bytes == 100
    assert not library.path_exists((corpus, commit.id), "/none")
    with library.modify_file_client(head) as changes:
        changes.put_file_from_bytes("/e", b"e")
        changes.delete_file("/a.txt")
    assert [info.file.path for info in library.walk_file(head, "/")] == ["/", "/d/", "/d/b.txt", "/e"]
    assert next(iter(library.inspect_commit(head))).parent_commit.id == commit.id
    with library.get_file_tar(head, "/d") as archive:
        assert [member.name for member in archive] == ["d", "d/b.txt"]


def test_pipelines_jobs_and_logs(library: python_pachyderm.Client, name: Name) -> None:
    corpus, train = name("corpus"), name("train")
    library.create_repo(corpus)
    library.put_file_bytes((corpus, "master"), "/a", b"a")
    library.create_pipeline(
        train,
        transform=pps_proto.Transform(cmd=["sh", "-c", "echo hello; cp /pfs/in/a /pfs/out/b"], image="debian"),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo=corpus, glob="/", name="in")),
    )
    job = until(lambda: next(iter(library.list_job(train)), None)).job
    info = next(iter(library.inspect_job(job.id, train, wait=True)))
    assert info.state == pps_proto.JobState.JOB_SUCCESS
    lines = [line.message for line in library.get_pipeline_logs(train) if line.user]
    assert lines == ["hello"]
    assert [line.message for line in library.get_job_logs(train, job.id) if line.user] == ["hello"]
    assert library.get_file((train, "master"), "/b").read() == b"a"
    assert next(iter(library.inspect_pipeline(train))).version == 1
    library.stop_pipeline(train)
    library.start_pipeline(train)
    assert train in [each.pipeline.name for each in library.list_pipeline()]
    library.delete_pipeline(train)
    with pytest.raises(grpc.RpcError):
        list(library.list_job(train))


def test_version_and_auth(library: python_pachyderm.Client) -> None:
    version = library.get_remote_version()
    assert (version.major, version.minor, version.micro) == (2, 7, 8)
    with pytest.raises(Exception, match="the auth service is not activated"):
        library.who_am_i()


@pytest.mark.parametrize("call", ["pfs.Fsck", "pfs.SquashCommitSet", "pps.RestartDatum", "enterprise.GetState"])
def test_calls_that_are_not_answered_are_unimplemented_with_their_name(server: Localpach, call: str) -> None:
    service, _, name = call.partition(".")
    with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{service}_v2.API/{name}", bytes, bytes)(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == f"localpach does not support {name}"


@pytest.mark.parametrize(
    ("service", "generated"), [(PfsService, pfs_grpc), (PpsService, pps_grpc), (TransactionService, transaction_grpc)]
)
def test_the_reference_lists_what_is_answered(service: type, generated: Any) -> None:
    calls = Path("docs/reference/localpach.md").read_text(encoding="utf-8").partition("## Calls")[2].partition("##")[0]
    listed = set(re.findall(r"`(\w+)`", calls))
    for name in vars(generated.APIServicer):
        if name[0].isupper():
            own = not getattr(service, name).__qualname__.startswith(GENERATED)
            assert (name in listed) == own, name
