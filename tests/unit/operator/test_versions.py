"""Servers of each version get what they understand, which leaves nothing to the defaults of an administrator."""

import copy
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format, wrappers_pb2

from scriptmodel_operator.app import version_reporter
from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.engine.errors import RefusedError, UnavailableError
from scriptmodel_operator.engine.values import (
    BranchRef,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    PodToleration,
    RepoRef,
    ResourceAmounts,
)
from scriptmodel_operator.installation import check_pachyderm
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.pipeline_json import create_v2_request
from scriptmodel_operator.pachyderm.versions import ServerVersion
from tests.unit.operator.pipeline_specs import DEFAULTS, FULL, PLAIN, changed, observed
from tests.unit.operator.versioned_pachd import Pachd, serving, version_of

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


def sent(spec: PipelineSpec) -> dict[str, Any]:
    """The JSON of the request, as it is on the wire."""
    wire = create_v2_request(PipelineApply(spec))
    content: dict[str, Any] = json.loads(wrappers_pb2.StringValue.FromString(wire).value)
    return content


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, as the server merges a pipeline into its defaults."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def submitted(spec: PipelineSpec, text: str) -> PipelineSpec:
    inherited = replace(spec, limits=ResourceAmounts(gpu_type="nvidia.com/gpu", gpu_count=8))
    info = observed(PipelineApply(inherited), text)
    return info.submitted or info.spec


@pytest.mark.parametrize("spec", [PLAIN, FULL], ids=["plain", "full"])
def test_nothing_is_inherited_from_the_defaults_of_a_cluster_or_project(spec: PipelineSpec) -> None:
    assert merged(copy.deepcopy(DEFAULTS), sent(spec)) == merged({}, sent(spec))


def test_it_has_no_field_that_later_servers_do_not_know() -> None:
    assert not {"update", "reprocess", "dryRun", "specCommit", "salt", "detailsJson"} & set(sent(FULL))
    neither = create_v2_request(PipelineApply(FULL))
    both = create_v2_request(PipelineApply(FULL, update=True, reprocess=True))
    assert both == neither + b"\x18\x01\x20\x01", "fields 3 and 4 of Pachyderm's message"


@pytest.mark.parametrize("spec", [PLAIN, FULL], ids=["plain", "full"])
def test_the_fingerprint_of_what_was_sent_is_found_again_in_what_the_server_keeps(spec: PipelineSpec) -> None:
    assert submitted(spec, json.dumps(sent(spec))) == spec
    assert fingerprint(submitted(spec, json.dumps(sent(spec)))) == fingerprint(spec)


@pytest.mark.parametrize("spec", [PLAIN, FULL], ids=["plain", "full"])
def test_the_request_of_a_server_without_json_has_the_same_fingerprint(spec: PipelineSpec) -> None:
    """The server makes that JSON itself, with the words of enums and without zeros."""
    text = json_format.MessageToJson(messages.create_request(PipelineApply(spec)))
    assert fingerprint(submitted(spec, text)) == fingerprint(spec)


def test_snake_case_enums_by_number_and_fields_of_newer_servers_are_read() -> None:
    text = json.dumps(
        {
            "transform": {"image": "trainer:1", "cmd": ["scriptmodel-trainer", "train"]},
            "input": {"pfs": {"repo": "plays", "name": "corpus", "glob": "/"}},
            "datum_tries": 1,
            "autoscaling": True,
            "resource_limits": {"gpu": {"type": "nvidia.com/gpu", "number": 1}, "cpu": None},
            "tolerations": [{"key": "gpu", "operator": 1, "effect": 3, "toleration_seconds": "30"}],
            "node_selector": None,
            "fieldOfANewerServer": {"image": "other"},
        }
    )
    expected = changed(
        PLAIN,
        limits=ResourceAmounts(gpu_type="nvidia.com/gpu", gpu_count=1),
        tolerations=(PodToleration("gpu", "Exists", "", "NoExecute", 30),),
    )
    assert submitted(PLAIN, text) == expected


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("2.7.8", "ok      pachd 2.7.8 is certified"),
        ("2.9.7", "warn    pachd 2.9.7 is not certified (2.7, 2.11 and 2.12 are); continuing"),
        ("2.4.6", "FAILED  pachd 2.4.6 is too old, it has no commits that name the commits they were made from"),
    ],
)
def test_check_shows_the_version_and_whether_it_is_certified(version: str, line: str) -> None:
    with serving(Pachd(version)) as address:
        lines = [*check_pachyderm(PachdAddress(address))]
    assert lines[0] == f"ok      pachd {version} answers at {address}"
    assert lines[1].startswith(line)
