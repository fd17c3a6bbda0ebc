"""Servers of different versions get what each of them understands, and the operator says which one it met."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from google.protobuf import wrappers_pb2

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.app import version_reporter
from scriptmodel_operator.engine.errors import EngineError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import (
    BranchRef,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    RepoRef,
)
from scriptmodel_operator.installation import check_pachyderm
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.versions import ServerVersion, Support
from tests.unit.operator.versioned_pachd import Pachd, serving, version_of

MARK = Mark(Owner("cluster-1", "ml", "thrones", "1")).annotations()
SPEC = PipelineSpec(
    PipelineRef("default", "train"),
    "image:1",
    ("true",),
    PipelineInput("corpus", BranchRef(RepoRef("default", "plays"), "master"), "/"),
)
APPLY = PipelineApply(SPEC, update=True)


@contextmanager
def connected(pachd: Pachd, found: Callable[[ServerVersion], None] | None = None) -> Iterator[PachydermGateway]:
    with serving(pachd) as address, closing(PachydermGateway(PachdAddress(address), UNLIMITED, found=found)) as gateway:
        yield gateway


def test_2_7_gets_the_same_bytes_as_ever() -> None:
    pachd = Pachd("2.7.8")
    with connected(pachd) as gateway:
        gateway.apply_pipelines([APPLY])
    assert pachd.methods == ["GetVersion", "StartTransaction", "CreatePipeline", "FinishTransaction"]
    assert pachd.request("CreatePipeline") == messages.create_request(APPLY).SerializeToString()


@pytest.mark.parametrize("version", ["2.8.0", "2.11.6", "2.12.0-rc.3", "3.0.0"])
def test_later_servers_get_the_json_into_which_nothing_is_merged(version: str) -> None:
    pachd = Pachd(version)
    with connected(pachd) as gateway:
        gateway.apply_pipelines([APPLY])
    assert pachd.methods == ["GetVersion", "StartTransaction", "CreatePipelineV2", "FinishTransaction"]
    request = pachd.request("CreatePipelineV2")
    assert request.endswith(b"\x18\x01"), "update is field 3"
    assert json.loads(wrappers_pb2.StringValue.FromString(request).value)["resourceRequests"] is None


def test_the_version_is_read_once_and_again_after_pachd_was_away() -> None:
    pachd, found = Pachd("2.7.8"), list[str]()
    with connected(pachd, lambda version: found.append(str(version))) as gateway:
        for _ in range(2):
            gateway.list_pipelines(["default"])
        assert found == ["2.7.8"]
        pachd.away, pachd.version = True, "2.12.0"
        with pytest.raises(UnavailableError):
            gateway.engine()
        pachd.away = False
        gateway.apply_pipelines([APPLY])
    assert found == ["2.7.8", "2.12.0"]
    assert "CreatePipelineV2" in pachd.methods, "it was upgraded meanwhile"


def test_a_server_that_is_too_old_is_refused_by_the_name_of_what_it_lacks() -> None:
    pachd = Pachd("2.4.6")
    with connected(pachd) as gateway:
        calls: tuple[Callable[[], object], ...] = (
            lambda: gateway.list_pipelines(["default"]),
            lambda: gateway.apply_pipelines([APPLY]),
        )
        for call in calls:
            with pytest.raises(RefusedError, match=r"pachd 2\.4\.6 is too old.*commits that name .* \(since 2\.6\)"):
                call()
    assert pachd.methods == ["GetVersion"]


@pytest.mark.parametrize(
    ("version", "support", "words"),
    [
        ("2.4.6", Support.TOO_OLD, "upgrade it"),
        ("2.5.9", Support.TOO_OLD, "commits that name the commits they were made from (since 2.6)"),
        ("2.6.11", Support.UNTESTED, "not certified"),
        ("2.7.8", Support.CERTIFIED, "pachd 2.7.8 is certified"),
        ("2.9.7", Support.UNTESTED, "continuing"),
        ("2.11.6", Support.CERTIFIED, "certified"),
        ("2.12.0-rc.3", Support.CERTIFIED, "pachd 2.12.0-rc.3 is certified"),
        ("2.13.0", Support.NEWER, "newer than every certified version (2.7, 2.11 and 2.12)"),
        ("3.0.0", Support.NEWER, "newer"),
    ],
)
def test_a_version_is_certified_newer_or_too_old(version: str, support: Support, words: str) -> None:
    found = version_of(version)
    assert found.support is support
    assert words in found.verdict
    assert str(found) == version


def test_localpach_is_named_with_its_own_version_and_the_one_that_it_behaves_like() -> None:
    found = ServerVersion(2, 7, 8, localpach="0.1.0")
    assert found.verdict == "localpach 0.1.0 has the API of pachd 2.7.8"
    metrics = Metrics(Store())
    version_reporter(metrics)(found)
    assert b'info{certified="yes",engine="localpach",version="2.7.8"} 1.0' in metrics.render()


def test_the_log_and_a_metric_show_a_changed_version(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    metrics = Metrics(Store())
    report = version_reporter(metrics)
    for version in ("2.7.8", "2.7.8", "2.9.1", "2.13.0", "2.4.0"):
        report(version_of(version))
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO", "WARNING", "WARNING", "ERROR"]
    assert caplog.messages[0] == "pachd 2.7.8 is certified"
    lines = [line for line in metrics.render().decode().splitlines() if line.startswith("scriptmodel_pachyderm_info")]
    assert lines == ['scriptmodel_pachyderm_info{certified="too old",engine="pachd",version="2.4.0"} 1.0']


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("2.7.8", "ok      pachd 2.7.8 is certified"),
        ("2.9.7", "warn    pachd 2.9.7 is not certified (2.7, 2.11 and 2.12 are); continuing"),
        ("2.13.0", "warn    pachd 2.13.0 is newer than every certified version (2.7, 2.11 and 2.12); continuing"),
        ("2.4.6", "FAILED  pachd 2.4.6 is too old, it has no commits that name the commits they were made from"),
    ],
)
def test_check_shows_the_version_and_whether_it_is_certified(version: str, line: str) -> None:
    with serving(Pachd(version)) as address:
        lines = [*check_pachyderm(PachdAddress(address))]
    assert lines[0] == f"ok      pachd {version} answers at {address}"
    assert lines[1].startswith(line)


def test_an_error_of_the_version_names_the_call_that_needed_it() -> None:
    with connected(Pachd(away=True)) as gateway, pytest.raises(EngineError, match=r"^creating default/train: "):
        gateway.apply_pipelines([PipelineApply(SPEC)])
