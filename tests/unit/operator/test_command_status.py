"""The output of `scriptmodel list`, `status`, its live view and its curves, and the diagnosis of `scriptmodel why`."""

import json
from math import isfinite
from typing import Any

import click
import pytest

from scriptmodel_cli import text
from scriptmodel_cli.diagnosis import diagnosis as why
from scriptmodel_cli.diagnosis import next_step, pods_path
from scriptmodel_cli.live import Live
from scriptmodel_cli.logs import Training, training
from scriptmodel_cli.output import style
from scriptmodel_cli.screen import line_of, screen_of
from scriptmodel_operator.api.identity import ENGINE
from scriptmodel_operator.api.reasons import Reason
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.terminal import CREATED, as_object, plain, training_world
from tests.unit.operator.world import World, trained_world


def table(found: dict[str, Any], *cells: str | None) -> dict[str, Any]:
    """Return a table as the API server makes one of an object."""
    columns = [("Name", 0), ("Status", 0), ("Message", 1)]
    return {
        "columnDefinitions": [{"name": name, "priority": priority} for name, priority in columns],
        "rows": [{"cells": [found["metadata"]["name"], *cells], "object": found}],
    }


def test_a_list_is_the_table_of_the_api_server_with_colours_and_namespaces() -> None:
    listed = table(as_object(trained_world()), "Generated", "the script\nis written")
    assert plain(text.list_of(listed, namespaces=True)).split() == [
        "NAMESPACE",
        "NAME",
        "STATUS",
        "ml",
        "thrones",
        "Generated",
    ]
    assert style("Generated", fg="green") in text.list_of(listed, namespaces=False)[1]


def test_a_status_shows_training_lineage_and_script() -> None:
    world = trained_world()
    found = as_object(world)
    found["status"]["lineage"]["base"] = "en"
    reported = plain(screen_of(found, CREATED))
    assert "base         en\n" in reported
    assert "100%  epoch 1/1  5,000 words/s" in reported
    assert "best 170.0, test 160.0, validation 170.0, training 150.0" in reported
    assert world.model.status["lineage"]["corpus"].partition("@")[2][:8] in reported
    assert "[ JON ]: You know nothing ." in reported


def test_a_status_of_a_training_shows_progress_and_time_to_go() -> None:
    world = training_world()
    reported = plain(screen_of(as_object(world), CREATED))
    assert f"{'█' * 12}{'░' * 8} 62%  epoch 3/4  12,345 words/s  1m40s to go" in reported
    assert "time         0s so far" in reported
    assert max(map(len, reported.splitlines())) <= 80, "a terminal of the usual width cuts nothing"


def test_an_outdated_status_is_marked_as_outdated() -> None:
    found = as_object(trained_world())
    found["metadata"]["generation"] = 2
    assert "has not observed the newest spec yet" in "\n".join(screen_of(found, CREATED))
    assert "older spec" in why(found, CREATED)[0]


def valid_of(world: World) -> list[float]:
    """Return the validation perplexity by epoch."""
    return [each.valid for each in training(world.pachyderm, as_object(world)).curve.epochs if isfinite(each.valid)]


def test_the_curve_is_read_from_the_log_of_the_running_job_and_then_from_its_model() -> None:
    world = training_world()
    assert valid_of(world) == [400.5, 200.25]
    job = world.pachyderm.succeed(world.train)
    world.pachyderm.files[job.ref.pipeline.output, job.ref.id]["/metrics.json"] = json.dumps(
        {
            "perplexity": {},
            "epochs": [{"valid_perplexity": 400}, {"valid_perplexity": None}, {"valid_perplexity": 90.5}],
        }
    ).encode()
    assert valid_of(world) == [400.0, 90.5]
    assert training(FakePachyderm(), as_object(world)) == Training()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_live_view_is_a_line_for_each_change_or_one_that_is_drawn_anew(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "16")
    live = Live()
    live.redraws = terminal
    with click.Context(click.Command("x"), color=True).scope():
        for line in ("a", "a", "long and longer"):
            live.show(line, CREATED)
        live.end()
    clear, at = "\r\x1b[K", f"{CREATED.astimezone():%H:%M:%S}"
    drawn = f"{clear}{at}  a{clear}{at}  long \n"
    assert capsys.readouterr().out == (drawn if terminal else f"{at}  a\n{at}  long and longer\n")


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
    assert "--project ml " in next_step(made_on("jobs/1"), Reason.CORPUS_EMPTY)


@pytest.mark.parametrize("reason", Reason)
def test_every_next_step_is_whole_and_names_the_object(reason: Reason) -> None:
    step = next_step(as_object(trained_world()), reason)
    assert "{" not in step
    for engine in ("localpach/1", "jobs/1"):
        assert "pachd" not in next_step(made_on(engine), reason)
    assert not step or "thrones" in step or "plays" in step


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
