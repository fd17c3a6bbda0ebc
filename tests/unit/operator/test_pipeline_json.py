"""What the operator sends to Pachyderm 2.8 and later leaves nothing to the defaults of the server's administrator."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format, wrappers_pb2

from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.engine.values import PipelineApply, PipelineInfo, PipelineSpec, PodToleration, ResourceAmounts
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.pipeline_json import create_v2_request, submitted_spec
from scriptmodel_operator.pachyderm.protocol import pps
from tests.unit.operator.messages import observed
from tests.unit.operator.pipeline_specs import DEFAULTS, FULL, PLAIN, changed


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
    return submitted_spec(replace(observed(PipelineApply(inherited)), submitted=text))


@pytest.mark.parametrize("spec", [PLAIN, FULL], ids=["plain", "full"])
def test_nothing_is_inherited_from_the_defaults_of_a_cluster_or_project(spec: PipelineSpec) -> None:
    assert merged(copy.deepcopy(DEFAULTS), sent(spec)) == merged({}, sent(spec))


def test_what_is_not_set_is_sent_as_null_or_zero() -> None:
    content = sent(PLAIN)
    assert content["resourceRequests"] is None
    assert content["resourceLimits"] is None
    assert content["sidecarResourceRequests"] is None
    assert content["tolerations"] == []
    assert content["transform"]["datumBatching"] is False
    limited = sent(replace(PLAIN, limits=ResourceAmounts(memory="1Gi")))["resourceLimits"]
    assert limited == {"cpu": 0.0, "memory": "1Gi", "disk": "", "gpu": None}


def test_lists_and_maps_are_never_null_which_the_server_refuses() -> None:
    repeated = [each for each in pps.CreatePipelineRequest.DESCRIPTOR.fields if each.label == each.LABEL_REPEATED]
    assert all(sent(PLAIN)[each.json_name] == [] for each in repeated)
    assert sent(PLAIN)["metadata"] == {"annotations": {}, "labels": {}}


def test_it_has_no_field_of_the_request_itself_and_none_that_later_servers_do_not_know() -> None:
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


def test_names_in_snake_case_enums_by_number_and_fields_of_newer_servers_are_read_too() -> None:
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


@pytest.mark.parametrize("text", ["", "no JSON", '{"tolerations": [{"operator": "NEWER"}]}', '{"datumTries": "x"}'])
def test_without_a_readable_submission_the_pipeline_of_the_server_counts(text: str) -> None:
    info: PipelineInfo = replace(observed(PipelineApply(PLAIN)), submitted=text)
    assert submitted_spec(info) == info.spec
