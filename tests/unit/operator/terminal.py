"""An object in training and its output, for the tests of the command `scriptmodel`."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from scriptmodel_cli.changes import Preview, render
from scriptmodel_cli.preview import preview
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.ingest.source import Files
from scriptmodel_operator.observe.follow import LogFollower
from tests.unit.operator.world import PLAYS, World

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def as_object(world: World) -> dict[str, Any]:
    """Return the object as the API server would."""
    return {
        "metadata": {
            "namespace": world.model.namespace,
            "name": world.model.name,
            "uid": world.model.uid,
            "generation": world.model.generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": world.model.spec.model_dump(by_alias=True, mode="json"),
        "status": world.model.status,
    }


def event(**fields: object) -> str:
    return json.dumps(fields)


def training_world() -> World:
    """An object in the third of four epochs."""
    world = World()
    world.observer.logs = LogFollower(world.pachyderm, limit=0)  # read when asked for, not in the background
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.run(
        world.train,
        [
            event(event="start", epochs=4),
            event(event="epoch", epoch=1, train_perplexity=500, valid_perplexity=400.5),
            event(event="epoch", epoch=2, train_perplexity=300, valid_perplexity=200.25, text="Epoch 2 is done"),
            event(
                event="progress",
                epoch=3,
                epochs=4,
                fraction=0.5,
                perplexity=150,
                words_per_second=12345,
                eta_seconds=100,
            ),
        ],
    )
    world.reconcile()
    return world


def plain(lines: list[str]) -> str:
    return click.unstyle("\n".join(lines))


def planned(world: World, source: Files | Problem | None = None) -> Preview:
    """Return what the operator would do; nothing is written."""
    found = preview(world.pachyderm, world.model, world.cluster, source)
    assert world.written() == []
    return found


def reported(found: Preview) -> str:
    return click.unstyle("\n".join(render(found)))
