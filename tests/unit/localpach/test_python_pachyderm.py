"""The python_pachyderm client library against localpach."""

from __future__ import annotations

import io

import grpc
import pytest
import python_pachyderm
from python_pachyderm.service import pps_proto

from tests.contract.serving import Localpach
from tests.unit.localpach.client import Name, until


@pytest.fixture
def library(server: Localpach) -> python_pachyderm.Client:
    """Return a client of the library."""
    return python_pachyderm.Client(server.host, server.port)


def test_repos_and_projects(library: python_pachyderm.Client, name: Name) -> None:
    project, corpus = name("project"), name("corpus")
    library.create_project(project, description="first")
    assert library.inspect_project(project).description == "first"
    assert project in [info.project.name for info in library.list_project()]
    library.create_repo(corpus, description="plays", project_name=project)
    assert library.inspect_repo(corpus, project_name=project).description == "plays"
    library.delete_repo(corpus, project_name=project)
    library.delete_project(project)
    assert project not in [info.project.name for info in library.list_project()]


def test_files(library: python_pachyderm.Client, name: Name) -> None:
    corpus = name("corpus")
    library.create_repo(corpus)
    with library.commit(corpus, "master") as commit:
        library.put_file_bytes(commit, "/a.txt", b"one\n")
        library.put_file_bytes(commit, "/a.txt", b"two\n", append=True)
        library.put_file_bytes(commit, "/d/b.txt", io.BytesIO(b"b" * 100))
    library.wait_commit(commit)
    head = (corpus, "master")
    assert library.get_file(head, "/a.txt").read() == b"one\ntwo\n"
    assert [info.file.path for info in library.list_file(head, "/")] == ["/a.txt", "/d/"]
    assert [info.file.path for info in library.glob_file(head, "/**.txt")] == ["/a.txt", "/d/b.txt"]
    assert [info.file.path for info in library.walk_file(head, "/d")] == ["/d/", "/d/b.txt"]
    assert library.inspect_file(head, "/d/b.txt").size_bytes == 100
    assert library.path_exists((corpus, commit.id), "/a.txt")
    assert not library.path_exists((corpus, commit.id), "/none")
    library.copy_file(head, "/a.txt", head, "/copy.txt")
    library.delete_file(head, "/a.txt")
    assert [info.file.path for info in library.list_file(head, "/")] == ["/copy.txt", "/d/"]
    assert [diff.new_file.file.path for diff in library.diff_file(head, "/") if diff.HasField("new_file")] == ["/"]
    with library.get_file_tar(head, "/d") as archive:
        assert [member.name for member in archive] == ["d", "d/b.txt"]


def test_modify_file_client_is_one_commit(library: python_pachyderm.Client, name: Name) -> None:
    corpus = name("corpus")
    library.create_repo(corpus)
    with library.modify_file_client((corpus, "master")) as changes:
        changes.put_file_from_bytes("/a", b"a")
        changes.put_file_from_bytes("/b", b"b")
        changes.delete_file("/a")
    assert [info.file.path for info in library.list_file((corpus, "master"), "/")] == ["/b"]
    assert len(list(library.list_commit(corpus))) == 1


def test_commits_and_branches(library: python_pachyderm.Client, name: Name) -> None:
    corpus = name("corpus")
    library.create_repo(corpus)
    commit = library.start_commit(corpus, "master", description="by hand")
    assert library.inspect_commit(commit)
    library.finish_commit(commit)
    library.create_branch(corpus, "dev", head_commit=(corpus, commit.id))
    assert sorted(info.branch.name for info in library.list_branch(corpus)) == ["dev", "master"]
    assert library.inspect_branch(corpus, "dev").head.id == commit.id
    library.delete_branch(corpus, "dev")
    second = library.start_commit(corpus, "master")
    library.finish_commit(second)
    library.wait_commit(second.id)
    library.squash_commit(commit.id)
    assert [info.commit.id for info in library.list_commit(corpus)] == [second.id]
    library.drop_commit(second.id)
    library.create_repo(f"{corpus}2")
    subscription = library.subscribe_commit(f"{corpus}2", "master")
    library.put_file_bytes((f"{corpus}2", "master"), "/a", b"a")
    assert next(subscription).commit.repo.name == f"{corpus}2"


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
    datum = next(iter(library.list_datum(train, job.id)))
    assert library.inspect_datum(train, job.id, datum.datum.id).state == pps_proto.DatumState.SUCCESS
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


def test_transactions(library: python_pachyderm.Client, name: Name) -> None:
    first, second = name("first"), name("second")
    with library.transaction() as transaction:
        library.create_repo(first)
        library.create_repo(second)
        assert transaction.id
    found = [info.repo.name for info in library.list_repo()]
    assert first in found
    assert second in found


def test_secrets(library: python_pachyderm.Client, name: Name) -> None:
    secret, corpus, train = name("secret"), name("corpus"), name("train")
    library.create_secret(secret, {"token": "token"})
    assert library.inspect_secret(secret).secret.name == secret
    library.create_repo(corpus)
    library.put_file_bytes((corpus, "master"), "/a", b"a")
    transform = pps_proto.Transform(cmd=["sh", "-c", "echo $TOKEN > /pfs/out/token"])
    transform.secrets.add(name=secret, env_var="TOKEN", key="token")
    library.create_pipeline(
        train, transform=transform, input=pps_proto.Input(pfs=pps_proto.PFSInput(repo=corpus, glob="/"))
    )
    job = until(lambda: next(iter(library.list_job(train)), None)).job
    list(library.inspect_job(job.id, train, wait=True))
    assert library.get_file((train, "master"), "/token").read() == b"token\n"
    library.delete_secret(secret)


def test_version_health_and_auth(library: python_pachyderm.Client) -> None:
    version = library.get_remote_version()
    assert (version.major, version.minor, version.micro) == (2, 7, 8)
    assert library.health_check().status == 1
    with pytest.raises(Exception, match="the auth service is not activated"):
        library.who_am_i()


def test_unsupported_calls_are_unimplemented(library: python_pachyderm.Client) -> None:
    calls = [
        lambda: list(library.fsck()),
        lambda: list(library.get_kube_events(None)),
    ]
    for call in calls:
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert caught.value.details().startswith("localpach does not support")
