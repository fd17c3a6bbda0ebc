"""A search: which trials it has, its pipelines and life, and how it is shown."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click
import pytest

from scriptmodel_cli.logs import lines_of, reported_job
from scriptmodel_cli.screen import rows_of, screen_of
from scriptmodel_cli.text import table
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import JobInfo, LogLine, RepoRef, commit_of, folder_of
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.progress import LogDigest, read_line
from scriptmodel_operator.observe.results import Results
from scriptmodel_operator.observe.search import outcomes
from scriptmodel_operator.observe.view import SearchView
from scriptmodel_operator.reconcile.search import with_logs
from scriptmodel_operator.search.declared import Search
from scriptmodel_operator.search.trials import Plan, RunResult, plan, standings
from scriptmodel_operator.search.trials import trials as combinations
from tests.unit.operator.browsing import MODEL, browsing
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.search.worlds import RANDOM, finish, put, search, search_world, trials
from tests.unit.operator.terminal import CREATED, as_object, event, plain, planned
from tests.unit.operator.world import World, trained_world

DROPOUT = {"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}
RATE = {"name": "learningRate", "logUniform": {"min": "0.002", "max": "0.02"}}
UNITS = {"name": "vocabularySize", "categorical": {"values": ["200", "300", "400"]}}
EPOCHS = {"name": "epochs", "uniform": {"min": "1", "max": "2"}}


def declared(*parameters: dict[str, Any], **fields: Any) -> Search:
    return Search.model_validate({"parameters": list(parameters or (DROPOUT, RATE, UNITS)), **fields})


def results_of(found: Plan, results: Mapping[str, RunResult], **outcomes: Any) -> dict[str, RunResult]:
    """Return the results after a job; `t0003=1.5` is the value of trial 3, or `t0003="diverged"` its failure.

    Otherwise a trial with a smaller number is better.
    """
    after = {}
    for name, given in found.runs.items():
        outcome = outcomes.get(f"t{name.replace('.', '_')}", float(name[:4]))
        old = results.get(name)
        if old and old.given == given:
            after[name] = old  # skipped
        elif isinstance(outcome, str):
            after[name] = RunResult(given=given, state="failed", reason=outcome)
        else:
            after[name] = RunResult(given=given, state="complete", value=outcome, perplexity=math.exp(outcome))
    return after


def test_a_spec_always_draws_the_same_trials_and_more_trials_leave_those_before() -> None:
    drawn = combinations(declared(numTrials=16))
    assert drawn == combinations(declared(numTrials=200))[:16]
    assert drawn[0] == {"dropout": "0.2108", "learningRate": "0.006287", "vocabularySize": "400"}
    assert all(0.2 <= float(each["dropout"]) <= 0.6 and 0.002 <= float(each["learningRate"]) <= 0.02 for each in drawn)


def test_whole_numbers_are_whole_reach_both_bounds_and_are_drawn_once_where_possible() -> None:
    assert {each["epochs"] for each in combinations(declared(EPOCHS, numTrials=2))} == {"1", "2"}
    assert len(combinations(declared(EPOCHS, numTrials=9))) == 9
    size = {"name": "vocabularySize", "logUniform": {"min": "16", "max": "1000000"}}
    assert sum(int(each["vocabularySize"]) < 4000 for each in combinations(declared(size, numTrials=256))) in range(
        90, 166
    )


def test_a_grid_has_all_combinations_in_order_as_many_as_are_requested() -> None:
    rates = {"name": "learningRate", "categorical": {"values": ["1e-3", "0.10"]}}
    found = [tuple(each.values()) for each in combinations(declared(UNITS, rates, algorithm="grid", numTrials=4))]
    assert found == [("200", "0.001"), ("200", "0.1"), ("300", "0.001"), ("300", "0.1")]
    assert declared(UNITS, algorithm="grid").trials == 3
    assert declared().trials == 8


def test_a_search_has_a_folder_for_each_seed_of_a_trial() -> None:
    found = plan(declared(numTrials=2, repeats=2), 5, {})
    assert list(found.runs) == ["0001.1", "0001.2", "0002.1", "0002.2"]
    assert json.loads(found.runs["0001.2"].text()) == {
        "parameters": {"dropout": "0.2108", "learning_rate": "0.006287", "vocabulary_size": "400"},
        "seed": 6,
    }
    results = results_of(found, {}, t0001_1=3.0, t0001_2=1.0, t0002_1="killed", t0002_2=1.5)
    after = plan(declared(numTrials=2, repeats=2), 5, results)
    assert (after.finished, after.winner, after.failure) == (True, "0002.2", "")
    assert plan(declared(numTrials=3, repeats=2), 5, results).runs.items() > after.runs.items()


@pytest.mark.parametrize("fields", [{"algorithm": "grid"}, {"algorithm": "grid", "numTrials": 2}, {"numTrials": 2}])
def test_two_notations_of_a_number_are_one_value(fields: dict[str, Any]) -> None:
    rates = {"name": "learningRate", "categorical": {"values": ["0.1", "0.10"]}}
    found = declared(rates, **fields)
    assert (found.trials, combinations(found)) == (1, [{"learningRate": "0.1"}])


def test_a_search_fails_when_all_of_its_trials_fail() -> None:
    failed = {"t0001": "diverged", "t0002": "killed"}
    for count, failure, winner in ((2, "all 2 trials failed (trial 1: diverged)", ""), (3, "", "0003")):
        spec = declared(numTrials=count)
        found = plan(spec, 0, results_of(plan(spec, 0, {}), {}, **failed))
        assert (found.failure, found.winner) == (failure, winner)


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"state": "won"}',
    b'{"state": ["complete"]}',
    b'{"state": "complete", "value": "' + b"9" * 1024 * 1024,
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: content[:20].decode(errors="replace"))
def test_a_run_without_a_valid_record_has_failed(content: bytes) -> None:
    assert _read({"/0001/trial.json": content, "/0001/model/weights.h5": b""}).state == "failed"
    assert _read({}).reason == "error"


def test_figures_that_make_no_sense_are_left_out_of_a_record() -> None:
    record = {"state": "failed", "reason": {"a": 1}, "message": "a\x1b[31mb\n" * 999, "epochs": 1e300, "value": "best"}
    found = _read({"/0001/trial.json": json.dumps(record).encode()})
    assert (found.state, found.reason, found.epochs, found.value) == ("failed", "error", None, None)
    assert found.message.startswith("ab ab")
    assert len(found.message) <= 1000


@pytest.mark.parametrize(
    ("figures", "cause"),
    [
        ({"value": 0}, "value 0"),
        ({"value": 1e-300, "perplexity": 9.0}, "value 1e-300"),
        ({"perplexity": 0.0}, "perplexity 0"),
        ({"perplexity": 0.9}, "perplexity 0.9"),
        ({"perplexity": -5}, "perplexity -5"),
        ({"perplexity": math.nan}, "perplexity nan"),
    ],
)
def test_a_run_with_a_figure_that_no_model_reaches_has_failed(figures: dict[str, float], cause: str) -> None:
    found = _read({"/0001/trial.json": json.dumps({"state": "complete", **figures}).encode()})
    assert (found.state, found.reason, found.value, found.perplexity) == ("failed", "error", None, None)
    assert found.message.startswith(f"it reports {cause}, which no model reaches")


def test_a_leaderboard_shows_the_runs_of_the_log() -> None:
    spec = declared(numTrials=4)
    results = results_of(plan(spec, 0, {}), {}, t0001="diverged")
    del results["0003"], results["0004"]
    log = LogDigest()
    for each in (
        {"event": "start", "trial": "0003", "epochs": 8},
        {"event": "epoch", "trial": "0003", "epoch": 5, "valid_perplexity": 90.0},
        {"event": "progress", "trial": "0003", "epoch": 6, "fraction": 0.5},
        {"event": "start", "trial": "0004", "epochs": 8},
        {"event": "trial", "trial": "0004", "state": "complete", "value": 1.5, "perplexity": 80.0, "epochs": 8},
        {"event": "trial", "trial": "0003", "state": "won"},
        {"event": "trial", "trial": "9" * 99, "state": "complete"},
    ):
        log = read_line(log, LogLine(json.dumps(each)))
    logged = with_logs(SearchView(plan(spec, 0, results), results), log.runs)
    shown = standings(spec, 0, logged)
    assert [(each.trial, each.state, each.perplexity, each.epochs, each.epochs_total) for each in shown] == [
        (4, "complete", 80.0, 8, None),
        (2, "complete", pytest.approx(math.exp(2)), None, None),
        (3, "running", 90.0, 6, 8),
        (1, "failed", None, None, None),
    ]
    assert (log.progress.epoch, log.progress.epochs) == (0, 0)


def _read(output: dict[str, bytes]) -> RunResult:
    """Return the result of the only trial."""
    pachyderm, (repo, made) = FakePachyderm(), (RepoRef("default", "trials"), RepoRef("default", "train"))
    given = plan(declared(numTrials=1), 0, {}).runs["0001"]
    pachyderm.files[repo, "a"] = {
        "/0001/trial.json": given.text(),
        "/trial.json": b"",
    }
    pachyderm.files[made, "b"] = output
    found = outcomes(Results(pachyderm, lambda: 1), (repo, "a"), (made, "b"))
    assert {folder: result.given for folder, result in found.items()} == {"0001": given}
    return found["0001"]


def changed(spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**spec, "search": {**spec["search"], **fields}}


def written(world: World) -> list[JobInfo]:
    """Return the jobs that wrote a script."""
    return [job for job in world.pachyderm.jobs.values() if job.ref.pipeline == world.generate and job.good]


def test_runs_are_put_before_the_pipelines_are_created_and_the_best_model_writes() -> None:
    world = search_world(RANDOM)
    world.written()
    world.reconcile()
    names = references(world.model)
    assert world.written() == [
        f"create repo {names.own_trials.name}",
        f"put {names.own_trials.name}",
        f"create {names.train.name}",
        f"create {names.generate.name}",
    ]
    spec = world.pachyderm.pipelines[world.train][-1].spec
    assert (spec.input.trials, spec.datums.workers, spec.datums.per_task) == (trials(world), 2, 1)
    assert spec.command[:4] == ("scriptmodel-trainer", "trial", "--trial", "/pfs/trial")
    assert {**put(world)["0001"], "parameters": ""} == {"parameters": "", "seed": 0}
    assert search(world, {"0001": "diverged", "0002": 7.0, "0003": 6.0}) == [3]
    assert world.ready == ("True", "Generated")
    assert world.written() == []
    assert world.condition("Trained")["message"].startswith("trial 3 is the best: perplexity 60.0 (validation)")
    status = world.model.status
    assert status["search"]["trials"] == {
        "total": 3,
        "complete": 2,
        "failed": 1,
        "waiting": 0,
        "running": 0,
    }
    assert [each["trial"] for each in status["search"]["top"]] == ["0003", "0002", "0001"]
    assert status["search"]["top"][2]["reason"] == "diverged"
    assert (status["search"]["completed"], status["search"]["gpuSeconds"]) == ("3/3", 24)
    repo, commit = commit_of(status["lineage"]["model"])
    assert repo == names.train.output
    assert world.pachyderm.files[repo, commit]["/0003/model.json"] == b"0003"
    assert folder_of(status["lineage"]["model"]) == "/0003"
    assert status["lineage"]["corpus"].startswith("default/plays@")
    assert status["perplexity"] == "60.0"
    assert [each["name"] for each in status["pipelines"]] == [names.train.name, names.generate.name]
    assert world.written() == []
    world.reconcile()
    assert world.written() == []


def test_trials_that_are_added_wait_for_the_job_in_progress() -> None:
    world = search_world(RANDOM)
    world.reconcile()
    world.pachyderm.run(world.train)
    world.want(changed(RANDOM, numTrials=5))
    world.reconcile()
    assert list(put(world)) == ["0001", "0002", "0003"]
    assert search(world) == [3, 2]


def test_a_search_is_added_to_a_trained_model_and_removed_again() -> None:
    world = trained_world()
    script = world.model.status["lineage"]["script"]
    world.want(RANDOM)
    world.reconcile()
    assert world.model.status["lineage"]["script"] == script
    assert search(world) == [3]
    assert world.ready == ("True", "Generated")
    best = world.model.status["lineage"]["model"]
    world.want()
    world.written()
    world.reconcile()
    assert world.model.status["lineage"]["model"] == best, "until another model has written"
    assert trials(world).repo not in world.pachyderm.repos
    finish(world)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert "search" not in world.model.status
    assert folder_of(world.model.status["lineage"]["model"]) == ""


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_search_is_deleted_with_its_object(policy: str) -> None:
    world = search_world({**RANDOM, "deletionPolicy": policy})
    search(world)
    world.written()
    assert world.delete() is None
    refs = references(world.model)
    assert world.written()[:2] == [f"delete {each.name}" for each in (refs.generate, refs.train)]
    assert world.pachyderm.pipelines == {}
    assert (refs.own_trials in world.pachyderm.repos) == (policy == "Retain")


def test_a_search_whose_trials_all_fail_recovers() -> None:
    world = search_world(RANDOM)
    search(world, {"0001": "diverged", "0002": "diverged", "0003": "killed"})
    assert world.ready == ("False", "TrainingFailed")
    assert written(world) == []
    message = world.condition("Stalled")["message"]
    assert "all 3 trials failed (" in message
    assert "trial 1: training diverged in epoch 3" in message
    world.want(changed(RANDOM, numTrials=4))
    assert search(world) == [1]
    assert world.ready == ("True", "Generated")
    assert len(written(world)) == 1


def test_progress_is_that_of_all_runs() -> None:
    world = search_world(RANDOM)
    world.reconcile()
    started = {"event": "start", "epochs": 8, "preset": "test", "state": True}
    progress = {"event": "progress", "epoch": 3, "epochs": 8, "fraction": 0.0, "perplexity": 90.0}
    ended = {"event": "trial", "state": "complete", "perplexity": 88.1, "value": 2.0, "epochs": 8, "gpu_seconds": 2}
    lines = [json.dumps({**each, "trial": name}) for name in ("0001", "0002") for each in (started, progress)]
    job = world.pachyderm.run(world.train)
    world.pachyderm.jobs[job.ref] = replace(job, data_total=3, data_processed=1)
    world.pachyderm.advance(60)
    world.pachyderm.logs[job.ref] = [*lines, json.dumps({**ended, "trial": "0001"})]
    world.observer.logs = LogFollower(world.pachyderm, limit=0)
    world.reconcile()
    assert world.condition("Trained")["message"] == "1 of 3 runs done, best 88.1 (trial 1)"
    found = world.model.status["search"]
    assert found["trials"] == {"total": 3, "waiting": 1, "running": 1, "complete": 1, "failed": 0}
    assert found["progressPercent"] == 41, "one and a quarter of three trainings"
    assert found["etaSeconds"] == 84
    assert world.model.status["training"]["eta"] == "1m24s"


def test_the_best_model_of_a_search_is_the_base_of_another_object() -> None:
    first = search_world(RANDOM, name="shakespeare", uid="uid-2")
    search(first)
    world = search_world({"model": {"preset": "test", "from": {"scriptModel": "shakespeare"}}}, first.pachyderm)
    world.reconcile()
    finish(world)
    world.reconcile()
    repo, commit = commit_of(first.model.status["lineage"]["model"])
    assert world.model.status["lineage"]["base"] == f"{repo}@{commit}"
    owned, copy = references(world.model).own_base, commit_of(world.model.status["lineage"]["base"])[1]
    (copied,) = (files for (held, _), files in world.pachyderm.files.items() if held == owned)
    assert copy == commit
    assert copied["/0001/model.json"] == b"0001"
    assert {path.split("/")[1] for path in copied} == {"0001"}


TRIALS: list[dict[str, Any]] = [
    {
        **{"trial": 2, "state": "complete", "epochs": 8, "epochsTotal": 8, "seconds": 75.2},
        **{"perplexity": 88.06, "value": 1.41234, "parameters": {"dropout": "0.31", "hiddenUnits": "90"}},
    },
    {
        **{"trial": 3, "state": "running", "epochs": 3, "epochsTotal": 8, "seconds": None},
        **{"perplexity": "101.5", "value": None, "parameters": {"dropout": "0.2", "hiddenUnits": "200"}},
    },
    {
        **{"trial": 1, "state": "failed", "epochs": 1, "epochsTotal": 8, "seconds": 4.0},
        **{"perplexity": None, "value": None, "parameters": {"dropout": "0.5", "hiddenUnits": "100"}},
        **{"reason": "diverged", "message": "the loss is not a number\nin epoch 1"},
    },
]


def test_a_table_has_a_column_for_each_parameter_and_none_that_is_empty() -> None:
    assert [click.unstyle(line) for line in table(rows_of(TRIALS))] == [
        "TRIAL   STATE      EPOCHS   PERPLEXITY   NATS/CHAR   dropout   hiddenUnits   TIME    REASON",
        "2       complete   8/8      88.1         1.4123      0.31      90            1m15s",
        "3       running    3/8      101.5                    0.2       200",
        "1       failed     1/8                               0.5       100           4s      "
        "diverged: the loss is not a number in epoch 1",
    ]
    head = "TRIAL STATE EPOCHS PERPLEXITY NATS/CHAR dropout hiddenUnits TIME"
    assert " ".join(table(rows_of(TRIALS[:1]))[0].split()) == head


def test_a_status_shows_the_search() -> None:
    found = as_object(trained_world())
    top = [{"trial": 7, "state": "complete", "perplexity": "88.1", "epochs": 8, "parameters": {"dropout": "0.31"}}]
    found["status"]["search"] = {"algorithm": "random", "trials": {"total": 8, "complete": 1, "waiting": 7}, "top": top}
    shown = plain(screen_of(found, CREATED))
    assert "search random: 1 complete, 7 waiting" in shown
    assert "7       complete   8        88.1" in shown


def test_the_log_of_a_search_is_that_of_its_best_model() -> None:
    world = search_world(RANDOM)
    search(world)
    job = reported_job(world.pachyderm, references(world.model).train)
    assert job is not None
    world.pachyderm.files[world.train.output, job.ref.id]["/0001/train.log.jsonl"] = b"the best\n"
    lines = lines_of(world.pachyderm, job, world.model.status["lineage"]["model"])
    assert [line.text for line in lines] == ["the best"]


async def test_the_trials_of_a_search_are_a_table() -> None:
    world = search_world(RANDOM)
    search(world, {"0001": "diverged", "0002": 1.5, "0003": 1.25})
    _repo, best = commit_of(world.model.status["lineage"]["model"])
    metrics = {"epochs": [{"epoch": 1, "train_perplexity": 9, "valid_perplexity": 8}]}
    files = world.pachyderm.files[world.train.output, best]
    files |= {
        "/0003/metrics.json": json.dumps(metrics).encode(),
        "/0003/train.log.jsonl": event(event="start").encode(),
    }
    async with browsing(world) as browser:
        page = await browser.page(MODEL, "random: 2 complete, 1 failed")
        assert re.findall(r"<tr><th scope=.row.>(\d)</th><td>([a-z]+)</td>", page) == [
            ("3", "complete"),
            ("2", "complete"),
            ("1", "failed"),
        ]
        assert "The report of the best model" in page
        await browser.page(MODEL, ">8</text>")  # the curve of the best one


def test_the_trials_of_an_object_are_planned() -> None:
    world = search_world(RANDOM)
    assert any(change.what.startswith("put 3 files into") for change in planned(world).changes)
    search(world, {"0002": "diverged"})
    world.written()
    assert planned(world).changes == ()
    world.want({"search": {**RANDOM["search"], "numTrials": 4}})
    assert [change.what.partition(" into")[0] for change in planned(world).changes] == ["put 1 files"]
    world.want({"search": {**RANDOM["search"], "numTrials": 2}})
    assert "and remove 1" in planned(world).changes[0].what
    world.want({**RANDOM, "training": {"image": "other:1"}})
    assert [(change.what.split()[:2], change.effect) for change in planned(world).changes] == [
        (["update", "step"], "trains again from the first epoch"),
        (["update", "step"], "writes a new script"),
    ]
