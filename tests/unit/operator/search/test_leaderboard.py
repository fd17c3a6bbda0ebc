"""A search as a table, a line, a log and a plan."""

import json
import re
from typing import Any

import click

from scriptmodel_cli.logs import lines_of, reported_job
from scriptmodel_cli.screen import rows_of, screen_of
from scriptmodel_cli.text import table
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import commit_of
from tests.unit.operator.browsing import MODEL, browsing
from tests.unit.operator.search.worlds import RANDOM, search, search_world
from tests.unit.operator.search.worlds import search as search_to_its_end
from tests.unit.operator.terminal import CREATED, as_object, event, plain, planned
from tests.unit.operator.world import trained_world

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
    search_to_its_end(world, {"0002": "diverged"})
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
