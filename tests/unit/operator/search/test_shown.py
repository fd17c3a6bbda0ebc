"""What pages and logs show of a search."""

import json
import re

from scriptmodel_cli.logs import training_job
from scriptmodel_operator.desired.references import references
from tests.unit.operator.browsing import MODEL, browsing
from tests.unit.operator.search.worlds import RANDOM, search, search_world, select
from tests.unit.operator.terminal import event


def test_the_log_of_a_search_is_that_of_its_best_model() -> None:
    world = search_world(RANDOM)
    search(world)
    job = training_job(world.pachyderm, references(world.model))
    assert job is not None
    assert job.ref.pipeline == select(world)
    assert job.ref.id == world.model.status["lineage"]["model"].partition("@")[2]


async def test_the_trials_of_a_search_are_a_table() -> None:
    world = search_world(RANDOM)
    search(world, {"0001": "diverged", "0002": 1.5, "0003": 1.25})
    best = world.model.status["lineage"]["model"].partition("@")[2]
    metrics = {"epochs": [{"epoch": 1, "train_perplexity": 9, "valid_perplexity": 8}]}
    files = world.pachyderm.files[select(world).output, best]
    files |= {"/metrics.json": json.dumps(metrics).encode(), "/train.log.jsonl": event(event="start").encode()}
    async with browsing(world) as browser:
        page = await browser.page(MODEL, "random: 2 complete, 1 failed")
        assert re.findall(r"<tr><th scope=.row.>(\d)</th><td>([a-z]+)</td>", page) == [
            ("3", "complete"),
            ("2", "complete"),
            ("1", "failed"),
        ]
        assert "The report of the best model" in page
        await browser.page(MODEL, ">8</text>")  # the curve of the best one
