"""Openings of spec.generation: the trainer checks them before it trains, and another one trains nothing again."""

import json
from typing import Any

from tests.unit.operator.world import started_world


def speaker(name: str) -> dict[str, Any]:
    return {"generation": {"speaker": name}}


def test_a_training_that_failed_is_repeated_with_another_name() -> None:
    world = started_world(speaker("HAMLTE"))
    message = 'unknown speaker "HAMLTE" (did you mean HAMLET?)'
    world.pachyderm.fail(world.train, [json.dumps({"event": "error", "code": 2, "message": message, "hint": ""})])
    world.reconcile()
    assert f"training failed: {message}" in world.condition("Ready")["message"]
    world.written()
    world.reconcile()
    assert world.written() == []
    world.apply(speaker("HAMLET"))
    assert f"update {world.train.name}" in world.written()
    assert world.pachyderm.reprocessed[world.train]
    pods = world.pachyderm.pipelines[world.train][-1].spec.pods
    assert json.loads(dict(pods.variables)["SCRIPTMODEL_REQUEST"])["opening"] == {"speaker": "HAMLET"}
