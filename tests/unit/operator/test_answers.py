"""What servers of each version refuse means the same, and has a documented reason and says what to do."""

import grpc
import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.errors import (
    AccessError,
    EngineError,
    NotFoundError,
    PipelineLimitError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.pachyderm.calls import translate
from scriptmodel_operator.pachyderm.versions import Support
from scriptmodel_operator.reconcile.failures import problem_of
from tests.contract.answers.record import answers, versions
from tests.unit.operator.versioned_pachd import Refusal, version_of

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
