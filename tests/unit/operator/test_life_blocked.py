"""What still works for an object that something blocks: deadlines, deletion, and the last script with text."""

import pytest

from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.observe.observer import Observer
from tests.unit.operator.world import trained_world


@pytest.mark.parametrize("call", ["read_file", "branch_head", "inspect_commit"])
def test_an_object_whose_data_cannot_be_read_is_deleted_all_the_same(call: str) -> None:
    world = trained_world()
    world.observer = Observer(world.pachyderm, world.cluster)
    lost = RefusedError(call, "no such object in storage", "UNKNOWN")
    world.pachyderm.fault = lambda each: lost if each == call else None
    assert world.delete() is None
    assert world.pachyderm.pipelines == {}
