"""Semantics of the server that an operator relies on, beyond the recordings."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps
from python_pachyderm.proto.v2.transaction import transaction_pb2 as tx

from localpach.errors import PachError
from localpach.pfs.paths import compile_glob, matches
from localpach.pps import specs
from tests.unit.localpach.client import Client, Name, commit, pfs_input, repo, sh, until


def error_of(call: Callable[[], object]) -> grpc.RpcError:
    """Return the error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        read_all(call())
    return caught.value


def read_all(answer: object) -> object:
    """Read a response to its end, since a stream fails only when it is read."""
    return list(answer) if hasattr(answer, "__iter__") else answer


@pytest.fixture
def corpus(client: Client, name: Name) -> str:
    """Create a repo with one file."""
    found = name("corpus")
    client.create_repo(found)
    client.put(found, {"/a": b"a"})
    return found


def test_a_failure_makes_all_downstream_jobs_unrunnable(client: Client, name: Name, corpus: str) -> None:
    one, two, three = name("one"), name("two"), name("three")
    client.create_pipeline(one, sh("test ! -e /pfs/in/bad; cp /pfs/in/a /pfs/out/"), corpus, datum_tries=1)
    client.create_pipeline(two, sh("cp /pfs/in/a /pfs/out/"), one, datum_tries=1)
    client.finished_job(three, client.create_pipeline(three, sh("cp /pfs/in/a /pfs/out/"), two, datum_tries=1))
    client.create_pipeline(one, sh("exit 1"), corpus, update=True, reprocess=True, datum_tries=1)
    uuid = client.head(three)
    assert client.head(one) == uuid
    assert client.finished_job(one, uuid).state == pps.JOB_FAILURE
    for pipeline in (two, three):
        info = client.finished_job(pipeline, uuid)
        assert info.state == pps.JOB_UNRUNNABLE
        assert info.reason == "unrunnable because the following upstream pipelines failed: in"
    # The previous files remain readable by branch and by id; only the commit has an error.
    assert client.read(three, "/a", uuid) == b"a"
    assert client.pfs.InspectCommit(pfs.InspectCommitRequest(commit=commit(three, uuid))).error == info.reason


def test_two_inputs_from_one_source_make_one_job(client: Client, name: Name, corpus: str) -> None:
    left, right, both = name("left"), name("right"), name("both")
    for pipeline in (left, right):
        client.create_pipeline(pipeline, sh("cp /pfs/in/* /pfs/out/"), corpus)
    crossed = pps.Input(cross=[pfs_input(left, "/", name="left"), pfs_input(right, "/", name="right")])
    client.finished_job(both, client.create_pipeline(both, sh("cat /pfs/left/a /pfs/right/a > /pfs/out/x"), crossed))
    client.put(corpus, {"/a": b"new"})
    uuid = client.head(corpus)
    assert client.finished_job(both, uuid).state == pps.JOB_SUCCESS
    assert client.read(both, "/x", uuid) == b"newnew"
    listed = client.pps.ListJob(pps.ListJobRequest(pipeline=pps.Pipeline(name=both)))
    assert len(list(listed)) == 2


def test_a_transaction_that_fails_to_finish_stays_open(client: Client, name: Name) -> None:
    first, second = name("first"), name("second")
    opened = client.transaction.StartTransaction(tx.StartTransactionRequest())
    header = [("pach-transaction", opened.id)]
    for each in (first, second):
        client.pfs.CreateRepo(pfs.CreateRepoRequest(repo=repo(each)), metadata=header)
    client.create_repo(second)
    error = error_of(lambda: client.transaction.FinishTransaction(tx.FinishTransactionRequest(transaction=opened)))
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS
    assert error.details() == f"error running request 2 of 2: repo default/{second} already exists"
    assert error_of(lambda: client.head(first)).code() == grpc.StatusCode.NOT_FOUND
    client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo(second)))
    client.transaction.FinishTransaction(tx.FinishTransactionRequest(transaction=opened))
    for each in (first, second):
        assert client.pfs.InspectRepo(pfs.InspectRepoRequest(repo=repo(each))).repo.name == each


def test_a_batch_is_one_transaction(client: Client, name: Name) -> None:
    made, twice = name("made"), name("twice")
    requests = [
        tx.TransactionRequest(create_repo=pfs.CreateRepoRequest(repo=repo(each))) for each in (made, twice, twice)
    ]
    error = error_of(lambda: client.transaction.BatchTransaction(tx.BatchTransactionRequest(requests=requests)))
    assert error.details().startswith("error running request 3 of 3: ")
    assert error_of(lambda: client.head(made)).code() == grpc.StatusCode.NOT_FOUND
    client.transaction.BatchTransaction(tx.BatchTransactionRequest(requests=requests[:2]))
    assert client.pfs.InspectRepo(pfs.InspectRepoRequest(repo=repo(made))).repo.name == made


@pytest.mark.parametrize(
    "fields",
    [
        {"spout": pps.Spout()},
        {"service": pps.Service(internal_port=80)},
        {"egress": pps.Egress(URL="s3://bucket")},
        {"s3_out": True},
        {"job_timeout": Duration(seconds=9)},
        {"datum_timeout": Duration(seconds=9)},
        {"reprocess_spec": "every_job"},
        *({"transform": pps.Transform(**{name: ["x"]})} for name in ("err_cmd", "stdin")),
        {"transform": pps.Transform(env={"A": "b"}, working_dir="/tmp", accept_return_code=[4])},
        *({"source": pps.Input(**{name: [pfs_input("a", "/", name="a")]})} for name in ("union", "join", "group")),
        {"source": pps.Input(cron=pps.CronInput(name="tick", spec="@every 10s"))},
        *({"source": pfs_input("a", glob, name="a")} for glob in ("/@(a|b)", "/[a-c]", "/{a,b}", "/[")),
        {"source": pfs_input("a", "/", name="a", s3=True)},
        {"source": pfs_input("a", "/", name="a", trigger=pfs.Trigger(commits=2))},
    ],
    ids=str,
)
def test_fields_of_pipelines_that_are_not_carried_out_are_refused(
    client: Client, name: Name, corpus: str, fields: dict[str, Any]
) -> None:
    error = error_of(lambda: client.create_pipeline(name("odd"), ["true"], **{"source": corpus} | fields))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert error.details().startswith("localpach ")


def test_fields_of_calls_that_are_not_carried_out_are_refused(client: Client, corpus: str) -> None:
    root = pfs.File(commit=commit(corpus), path="/")
    of_a_datum = [
        pfs.ModifyFileRequest(set_commit=commit(corpus)),
        pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path="/a", datum="x")),
    ]
    for call, field in (
        (lambda: client.pfs.WalkFile(pfs.WalkFileRequest(file=root, number=2)), "number of a WalkFileRequest"),
        (lambda: client.pfs.GetFile(pfs.GetFileRequest(file=root, offset=2)), "offset of a GetFileRequest"),
        (lambda: client.pfs.ModifyFile(iter(of_a_datum)), "datum of a DeleteFile"),
    ):
        error = error_of(call)
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED
        assert error.details() == f"localpach does not support {field}: remove it"


def test_a_recreated_pipeline_has_no_old_results(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    for _ in range(2):
        uuid = client.create_pipeline(train, sh("echo once >> /pfs/out/x"), corpus)
        assert client.finished_job(train, uuid).data_processed == 1
        assert client.read(train, "/x") == b"once\n"
        client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=pps.Pipeline(name=train)))
    until(lambda: error_of(lambda: client.head(train)).code() == grpc.StatusCode.NOT_FOUND)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("/*", ["/a", "/a.txt", "/d/"], ["/", "/d/a"]),
        ("/**", ["/a", "/d/", "/d/a"], ["/"]),
        ("/", ["/"], ["/a"]),
        ("/*.txt", ["/a.txt"], ["/a.md", "/d/a.txt"]),
        ("/**/*.txt", ["/d/a.txt", "/d/e/a.txt"], ["/a.txt"]),
        ("/a?", ["/ab"], ["/a", "/a/"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    glob = compile_glob(pattern)
    assert [path for path in (*matching, *other) if matches(glob, path)] == matching


@pytest.mark.parametrize("name", [".", "..", "../../escaped", "/etc/escaped", "a\0b"])
def test_inputs_outside_their_folder_are_rejected(name: str) -> None:
    with pytest.raises(PachError, match="input cannot be named"):
        specs.complete(pps.PipelineInfo(pipeline={"name": "p"}, details={"input": pfs_input("corpus", "/", name=name)}))
