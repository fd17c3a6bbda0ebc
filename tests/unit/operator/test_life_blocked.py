"""What still works for an object that something blocks: deadlines, deletion, and the last script with text."""

from typing import Any

import pytest

from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.engine.values import JobState
from scriptmodel_operator.observe.observer import Observer
from tests.unit.operator.base_worlds import FROM_REPO, MODEL, MODELS, world_of
from tests.unit.operator.world import trained_world


def test_deadlines_apply_while_a_base_model_cannot_be_copied() -> None:
    deadline: dict[str, Any] = {"training": {"activeDeadline": "1h"}}
    world = world_of(deadline)
    world.reconcile()
    job = world.pachyderm.run(world.train)
    world.pachyderm.put(MODELS, MODEL)
    world.want({**deadline, **FROM_REPO})
    world.pachyderm.fault = lambda call: RefusedError(call, "no space", "UNKNOWN") if call == "replace_files" else None
    world.pachyderm.advance(7200)
    with pytest.raises(RefusedError):
        world.reconcile()
    assert world.pachyderm.jobs[job.ref].state is JobState.KILLED


@pytest.mark.parametrize("call", ["read_file", "branch_head", "inspect_commit"])
def test_an_object_whose_data_cannot_be_read_is_deleted_all_the_same(call: str) -> None:
    world = trained_world()
    world.observer = Observer(world.pachyderm, world.cluster)
    lost = RefusedError(call, "no such object in storage", "UNKNOWN")
    world.pachyderm.fault = lambda each: lost if each == call else None
    assert world.delete() is None
    assert world.pachyderm.pipelines == {}
