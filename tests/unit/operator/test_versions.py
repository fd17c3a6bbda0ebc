"""Servers of each version get what they understand, and what they answer means the same, with what to do."""

import copy
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, wrappers_pb2

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.app import version_reporter
from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.engine.errors import (
    AccessError,
    EngineError,
    NotFoundError,
    PipelineLimitError,
    RefusedError,
    UnavailableError,
)
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
from scriptmodel_operator.pachyderm.calls import translate
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.pipeline_json import create_v2_request
from scriptmodel_operator.pachyderm.versions import ServerVersion, Support
from scriptmodel_operator.reconcile.failures import problem_of
from tests.contract.answers.record import answers, versions
from tests.unit.operator.pipeline_specs import DEFAULTS, FULL, PLAIN, changed, observed
from tests.unit.operator.versioned_pachd import Pachd, Refusal, serving, version_of

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


MEANING: dict[str, type[EngineError]] = {
    "a branch that does not exist": NotFoundError,
    "a branch of a repo that does not exist": NotFoundError,
    "a commit that does not exist": NotFoundError,
    "a file that does not exist": NotFoundError,
    "a repo that exists": EngineError,
    "a repo in a project that does not exist": NotFoundError,
    "a pipeline that exists": EngineError,
    "a pipeline of the name of a repo": RefusedError,
    "a pipeline whose input does not exist": NotFoundError,
    "a pipeline that reads itself": RefusedError,
    "a pod patch that is no JSON": RefusedError,
    "files for a repo that does not exist": NotFoundError,
    "a repo that a pipeline reads": RefusedError,
    "a pipeline that another one reads": RefusedError,
    "a repo of a pipeline": RefusedError,
    "a pipeline to start that does not exist": NotFoundError,
    "the log of a job that does not exist": NotFoundError,
    "a log without pods": RefusedError,
    "more pipelines than the limit of a community server": PipelineLimitError,
    "no token": AccessError,
    "an expired token": AccessError,
    "a revoked token": AccessError,
    "a corpus that the user may not read": AccessError,
    "a project that the user may not write": AccessError,
    "a repo that the user may not write": AccessError,
}
ANSWERS = [(version, name) for version in versions() for name in answers(version)]
ROLES = {
    "a corpus that the user may not read": "repo rec-plays repoReader robot:scriptmodel --project default",
    "a project that the user may not write": "project rec-project projectWriter robot:scriptmodel",
    "a repo that the user may not write": "repo rec-plays repoWriter robot:scriptmodel --project default",
}


def error(version: str, name: str) -> EngineError:
    answer = answers(version)[name]
    return translate(Refusal(grpc.StatusCode[answer["code"]], answer["message"]), "the call")


@pytest.mark.parametrize(("version", "name"), ANSWERS)
def test_each_answer_of_each_version_has_its_meaning(version: str, name: str) -> None:
    assert type(error(version, name)) is MEANING[name]
    assert len(problem_of(error(version, name)).message) < 600, "the cause is not behind a whole spec"


def test_every_recorded_version_is_certified_and_every_meaning_recorded() -> None:
    assert all(version_of(version).support is Support.CERTIFIED for version in versions())
    assert {name for _version, name in ANSWERS} == set(MEANING)


@pytest.mark.parametrize(("version", "name"), [each for each in ANSWERS if each[1] in ROLES])
def test_a_missing_role_is_named_with_the_command_that_grants_it(version: str, name: str) -> None:
    problem = problem_of(error(version, name))
    assert problem.reason is Reason.NOT_ALLOWED
    assert f"`pachctl auth set {ROLES[name]}`" in problem.message


UNKNOWN, INTERNAL = grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL
NO_USER = "no authentication token (try logging in)"
DENIED = (
    "robot:scriptmodel is not authorized to perform this operation - needs permissions [REPO_READ] on REPO "
    "default/plays. Run `pachctl auth roles-for-permission` to find roles that grant a given permission."
)
LOCALPACH = "localpach needs the one in /pach/token, for scriptmodel and its operator by --pachd-token-file"
LIMIT = "Pachyderm Community Edition requires an activation key to create more than 16 total pipelines (you have 16). "


@pytest.mark.parametrize(
    ("code", "text", "error", "reason", "stalled"),
    [
        (UNKNOWN, f"error running request 2 of 3: {LIMIT}", PipelineLimitError, Reason.PIPELINE_LIMIT, True),
        (UNKNOWN, "missing Kubernetes secret x", RefusedError, Reason.REFUSED, True),
        (UNKNOWN, "cannot start a commit on an output branch: p/x@master", RefusedError, Reason.REFUSED, True),
        (grpc.StatusCode.FAILED_PRECONDITION, "repo x/y still exists", RefusedError, Reason.REFUSED, True),
        (grpc.StatusCode.INVALID_ARGUMENT, "bad name", RefusedError, Reason.REFUSED, True),
        (grpc.StatusCode.UNIMPLEMENTED, "the auth service is not activated", RefusedError, Reason.REFUSED, True),
        (grpc.StatusCode.NOT_FOUND, "repo p/x not found", NotFoundError, Reason.RETRYING, False),
        (grpc.StatusCode.ALREADY_EXISTS, 'pipeline "x" already exists', EngineError, Reason.RETRYING, False),
        (grpc.StatusCode.PERMISSION_DENIED, "not yours", AccessError, Reason.NOT_ALLOWED, True),
        (INTERNAL, "no authentication metadata (try logging in)", AccessError, Reason.REFUSED, True),
        (UNKNOWN, f"error running request 1 of 2: {DENIED}", AccessError, Reason.NOT_ALLOWED, True),
        (grpc.StatusCode.UNAVAILABLE, "connection refused", UnavailableError, Reason.ENGINE_UNAVAILABLE, False),
        (grpc.StatusCode.CANCELLED, "channel closed", UnavailableError, Reason.ENGINE_UNAVAILABLE, False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", UnavailableError, Reason.ENGINE_UNAVAILABLE, False),
        (grpc.StatusCode.INTERNAL, "RST_STREAM", UnavailableError, Reason.ENGINE_UNAVAILABLE, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "deadline", UnavailableError, Reason.ENGINE_UNAVAILABLE, False),
    ],
)
def test_a_refusal_is_reported_with_the_servers_message(
    code: grpc.StatusCode, text: str, error: type[EngineError], reason: Reason, *, stalled: bool
) -> None:
    found = translate(Refusal(code, text), "creating p/x")
    assert type(found) is error
    problem = problem_of(found)
    assert (problem.reason, problem.stalled) == (reason, stalled)
    assert text.strip() in problem.message


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (NO_USER, "the server requires a token and the operator has none: make one with `pachctl auth get-robot-token"),
        (
            DENIED.replace("[REPO_READ]", "[REPO_WRITE REPO_CREATE_BRANCH]"),
            "robot:scriptmodel needs the role repoWriter on repo default/plays: `pachctl auth set repo",
        ),
        (DENIED.replace("[REPO_READ]", "[REPO_DELETE]"), "robot:scriptmodel needs the role repoOwner on repo default/"),
        (
            DENIED.replace("[REPO_READ] on REPO default/plays", "[CLUSTER_GET_BINDINGS] on CLUSTER pach"),
            "the user robot:scriptmodel of the operator's token lacks CLUSTER_GET_BINDINGS on CLUSTER pach",
        ),
        (
            f"no authentication token: {LOCALPACH}",
            "the server requires a token and the operator has none (creating p/x",
        ),
        ("is not authorized to perform this operation", "the operator's token lacks a permission"),
    ],
)
def test_what_is_wrong_with_the_token_comes_first_and_what_to_do_about_it(text: str, advice: str) -> None:
    message = problem_of(translate(Refusal(UNKNOWN, text), "creating p/x")).message
    assert message.startswith(advice)
    assert message.endswith(f"(creating p/x: {text})")


def test_repeated_failures_are_stalled_except_an_unavailable_pachyderm() -> None:
    stalled = [problem_of(NotFoundError("creating p/x", "gone"), failures=number).stalled for number in (1, 4, 5, 9)]
    assert stalled == [False, False, True, True]
    assert not problem_of(UnavailableError("creating p/x", "gone"), failures=99).stalled
