"""What servers of each version answer means the same to the operator, although their words and codes differ."""

import grpc
import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, PipelineLimitError, RefusedError
from scriptmodel_operator.pachyderm.calls import translate
from scriptmodel_operator.pachyderm.versions import Support
from scriptmodel_operator.reconcile.failures import problem_of
from tests.contract.answers.record import answers, versions
from tests.unit.operator.refusing import Refusal
from tests.unit.operator.versioned_pachd import version_of

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
TOKENS = {
    "no token": "the operator has none",
    "an expired token": "the operator's token has expired",
    "a revoked token": "which was revoked or has expired",
}
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


def test_every_recorded_version_is_certified_and_every_meaning_recorded() -> None:
    assert all(version_of(version).support is Support.CERTIFIED for version in versions())
    assert {name for _version, name in ANSWERS} == set(MEANING)


@pytest.mark.parametrize(("version", "name"), [each for each in ANSWERS if each[1] in TOKENS])
def test_what_is_wrong_with_the_token_is_reported(version: str, name: str) -> None:
    problem = problem_of(error(version, name))
    assert problem.reason is Reason.REFUSED
    assert TOKENS[name] in problem.message


@pytest.mark.parametrize(("version", "name"), [each for each in ANSWERS if each[1] in ROLES])
def test_a_missing_role_is_named_with_the_command_that_grants_it(version: str, name: str) -> None:
    problem = problem_of(error(version, name))
    assert problem.reason is Reason.NOT_ALLOWED
    assert f"`pachctl auth set {ROLES[name]}`" in problem.message


@pytest.mark.parametrize("version", versions())
def test_the_cause_of_a_refused_spec_is_not_behind_the_whole_spec(version: str) -> None:
    assert len(problem_of(error(version, "a pod patch that is no JSON")).message) < 200
