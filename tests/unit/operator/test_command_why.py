"""The diagnosis and the next step of `scriptmodel why`."""

from typing import Any

import click
import pytest

from scriptmodel_cli.diagnosis import diagnosis as why
from scriptmodel_cli.diagnosis import next_step, pods_path
from scriptmodel_cli.screen import line_of, screen_of
from scriptmodel_operator.api.identity import ENGINE
from scriptmodel_operator.api.reasons import Reason
from tests.unit.operator.terminal import CREATED, as_object, plain, training_world
from tests.unit.operator.world import World, scriptmodel, trained_world


def test_why_gives_the_verdict_and_the_next_step_first() -> None:
    lines = why(as_object(trained_world()), CREATED)
    assert click.unstyle(lines[0]).startswith("Ready: the script is written")
    assert lines[1] == "Next: scriptmodel script thrones -n ml"
    world = World()
    world.reconcile()
    event = {"eventTime": "2026-01-01T00:00:00Z", "reason": "CorpusNotFound", "note": "note", "type": "Warning"}
    lines = [click.unstyle(line) for line in why(as_object(world), CREATED, events=[event])]
    assert lines[0].startswith("Stalled (CorpusNotFound): corpus repo default/plays does not exist")
    assert lines[1] == "CorpusNotFound means: The corpus repo does not exist."
    assert lines[2] == "Next: scriptmodel push PATH --repo plays --project default --branch master --create -n ml"
    assert "Nothing was made for it yet." in lines
    assert lines[-1].split() == ["CorpusNotFound", "0s", "note"]


def test_why_does_not_say_that_a_suspended_object_is_worked_on() -> None:
    world = trained_world()
    world.apply({"suspend": True})
    first = click.unstyle(why(as_object(world), CREATED)[0])
    assert first == "Not ready (Suspended): steps are stopped because spec.suspend is true"


def test_why_shows_the_message_of_an_unknown_reason_of_a_newer_operator() -> None:
    found = as_object(World())
    ready = {"type": "Ready", "status": "False", "reason": "OutOfTune", "message": "tune the piano"}
    found["status"] = {"observedGeneration": 1, "conditions": [ready]}
    lines = [click.unstyle(line) for line in why(found, CREATED)]
    assert lines[0] == "In progress (OutOfTune): tune the piano"
    assert lines[1] == "OutOfTune means: unknown; this scriptmodel command is older than the operator, upgrade it"


def made_on(engine: str) -> dict[str, Any]:
    found = as_object(trained_world())
    found["metadata"]["annotations"] = {ENGINE: engine}
    return found


def test_the_pods_of_jobs_are_listed_in_the_namespace_of_the_object() -> None:
    assert pods_path(made_on("pachyderm/1")).startswith("/api/v1/pods?labelSelector=suite%3Dpachyderm%2CpipelineName")
    names = [each["name"] for each in made_on("jobs/1")["status"]["pipelines"]]
    these = f"scriptmodel.dev%2Fpipeline%20in%20%28{'%2C'.join(names)}%29"
    assert pods_path(made_on("jobs/1")) == f"/api/v1/namespaces/ml/pods?labelSelector={these}"
    assert pods_path(as_object(World())) == ""
    assert "-n ml -l scriptmodel.dev/pipeline=" in next_step(made_on("jobs/1"), Reason.WAITING_FOR_WORKER)


def test_the_pods_of_the_next_step_are_those_of_the_pipeline_that_waits() -> None:
    found = made_on("jobs/1")
    for trained, pipeline in (("False", "-train"), ("True", "-generate")):
        for each in found["status"]["conditions"]:
            each["status"] = trained if each["type"] == "Trained" else each["status"]
        assert next_step(found, Reason.WAITING_FOR_WORKER).endswith(pipeline)


def test_the_project_of_a_corpus_of_jobs_is_the_namespace() -> None:
    assert "--project ml " in next_step(made_on("jobs/1"), Reason.CORPUS_EMPTY)
    assert "--project default " in next_step(made_on("pachyderm/1"), Reason.CORPUS_EMPTY)


@pytest.mark.parametrize("reason", Reason)
def test_every_next_step_is_whole_and_names_the_object(reason: Reason) -> None:
    step = next_step(as_object(trained_world()), reason)
    assert "{" not in step
    for engine in ("localpach/1", "jobs/1"):
        assert "pachd" not in next_step(made_on(engine), reason)
    assert not step or "thrones" in step or "plays" in step or "app=pachd" in step


def test_before_an_engine_has_answered_none_is_named() -> None:
    assert next_step(made_on(""), Reason.ENGINE_UNAVAILABLE) == ""
    assert "app=pachd" in next_step(made_on("pachyderm/1"), Reason.ENGINE_UNAVAILABLE)


def test_a_failed_script_does_not_suggest_a_retraining() -> None:
    for reason in (Reason.GENERATION_FAILED, Reason.WORKER_UNAVAILABLE):
        step = next_step(as_object(trained_world()), reason)
        assert "spec.generation" in step
        assert "retrain" not in step
        assert "retrain" in next_step(as_object(training_world()), reason)


def test_a_corpus_that_is_no_repo_has_no_next_step() -> None:
    found = as_object(World(model=scriptmodel({"corpus": {"configMap": {"name": "plays"}}})))
    del found["spec"]["corpus"]["repo"]
    assert next_step(found, Reason.CORPUS_EMPTY) == ""


def test_why_shows_pods_that_cannot_run() -> None:
    def pod(**status: Any) -> dict[str, Any]:
        metadata = {"namespace": "pach", "name": "worker", "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": metadata, "status": {"phase": "Pending", **status}}

    pods = [
        pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU"}]),
        pod(containerStatuses=[{"name": "user", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "x"}}}]),
        pod(phase="Running", containerStatuses=[{"name": "user", "state": {"running": {}}}]),
    ]
    reported = plain(why(as_object(training_world()), CREATED, pods=pods))
    assert "pach/worker   Pending   0s    Unschedulable: no GPU" in reported
    assert "pach/worker   Pending   0s    user: ImagePullBackOff x" in reported
    assert "pach/worker   Running   0s\n" in reported + "\n"


def test_an_object_without_a_status_suggests_what_to_check() -> None:
    found = {**as_object(World()), "status": {}}
    assert "check that the operator is running and watches this namespace" in why(found, CREATED)[1]
    assert "Pending: not reconciled yet" in click.unstyle(screen_of(found, CREATED)[1])
    assert "the operator has not observed the newest spec yet" in line_of(found)
