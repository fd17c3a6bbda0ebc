"""An upgrade of the operator, from the pipelines that earlier versions created: nothing is written, nothing starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from scriptmodel_operator.pachyderm.protocol import pps
from scriptmodel_operator.pachyderm.values import PipelineApply
from tests.unit.operator.messages import made_by
from tests.unit.operator.world import PLAYS, World, scriptmodel

OLDER: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("requests_of_older_operators.yaml").read_text(encoding="utf-8")
)


def world_of_older_operator(row: dict[str, Any], **settings: Any) -> World:
    """Return a world whose pipelines an older operator created; both have done their work."""
    world = World(model=scriptmodel(row["spec"]), **settings)
    world.pachyderm.put(world.corpus, PLAYS)
    requests = [json_format.ParseDict(each, pps.CreatePipelineRequest()) for each in row["requests"]]
    train, generate = (PipelineApply(made_by(each).spec) for each in requests)
    world.pachyderm.apply_pipelines([train, generate])
    world.pachyderm.succeed(train.spec.ref)
    world.pachyderm.succeed(generate.spec.ref)
    world.written()
    return world


@pytest.mark.parametrize("image", ["trainer:1", "trainer:next"])
@pytest.mark.parametrize("row", OLDER, ids=lambda row: f"{row['operator']}, {row['name']}")
def test_an_upgrade_writes_nothing(row: dict[str, Any], image: str) -> None:
    world = world_of_older_operator(row, image=image)
    world.reconcile()
    assert world.written() == []
    assert world.ready == ("True", "Generated")
    assert {info[-1].version for info in world.pachyderm.pipelines.values()} == {1}


@pytest.mark.parametrize("row", OLDER, ids=lambda row: f"{row['operator']}, {row['name']}")
def test_what_a_newer_spec_changes_is_written_in_the_pipelines_of_older_operators(row: dict[str, Any]) -> None:
    world = world_of_older_operator(row)
    model = {**row["spec"].get("model", {}), "seed": 99}
    world.want({**row["spec"], "model": model})
    world.reconcile()
    train = world.train
    assert world.written() == [f"update {train.name}"]
    assert world.pachyderm.reprocessed[train]
    assert "99" in world.pachyderm.pipelines[train][-1].spec.command
