"""Semantics of the server that an operator relies on, beyond the recordings."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from localpach.api.cluster import TransactionService
from localpach.api.interceptor import GENERATED
from localpach.api.pfs_service import PfsService
from localpach.api.pps_service import PpsService
from localpach.errors import PachError
from localpach.pfs.paths import compile_glob, matches
from localpach.pps import specs
from localpach.protocol import pfs_grpc, pps_grpc, transaction_grpc
from tests.contract.serving import Localpach
from tests.unit.localpach.client import Client, Name, commit, pfs_input, sh, until


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
