"""The status after Pachyderm refused an action, or could not answer."""

import pytest

from scriptmodel_operator.api.identity import RECONCILE_AT
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.engine.errors import RefusedError
from tests.unit.operator.controlling import KEY, PLAYS_BRANCH, FakeKube, controller, raw_object, reason, settled
from tests.unit.operator.world import PLAYS, SPEC


def corpus_ready(kube: FakeKube) -> tuple[str, str]:
    conditions = {each["type"]: each for each in kube.raw["status"]["conditions"]}
    return conditions["CorpusReady"]["status"], conditions["CorpusReady"]["reason"]


async def test_an_existing_corpus_is_reported_although_the_pipelines_are_refused() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        await settled(found)
        assert corpus_ready(kube) == ("False", "CorpusNotFound")
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        pachyderm.pipeline_limit = 1
        kube.raw["metadata"] = {**kube.raw["metadata"], "annotations": {RECONCILE_AT: "now"}, "resourceVersion": "9"}
        found.reconciler.store.put(kube.raw)
        with pytest.raises(RetryError):
            await settled(found)
        assert reason(kube) == "PipelineLimit"
        assert corpus_ready(kube) == ("True", "CorpusFound")


async def test_a_poll_that_fails_inside_pachyderm_is_not_a_refusal_of_the_spec() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        error = RefusedError("listing projects", "failed to connect to the database", "UNKNOWN")
        pachyderm.fault = lambda call: error if call == "list_projects" else None
        found.reconciler.reporter.queue._failures[KEY] = 100
        with pytest.raises(RetryError):
            await settled(found)
        conditions = {each["type"]: each for each in kube.raw["status"]["conditions"]}
        assert (reason(kube), conditions["Stalled"]["status"]) == ("EngineUnavailable", "False")
        assert "failed to connect to the database" in conditions["Ready"]["message"]


async def test_a_corpus_that_pachyderm_refuses_is_not_reported_as_in_progress() -> None:
    async with controller(raw_object({"corpus": {"configMap": {"name": "x"}}})) as (found, kube, pachyderm):
        pachyderm.fault = lambda call: RefusedError(call, "no room") if call == "create_repo" else None
        with pytest.raises(RetryError):
            await settled(found)
        assert (reason(kube), corpus_ready(kube)) == ("Refused", ("False", "Refused"))
