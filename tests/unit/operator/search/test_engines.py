"""A search on each engine, and with each call to it broken once."""

from typing import Any

import pytest

from tests.unit.operator.controlling import FakeKube, raw_object
from tests.unit.operator.fake_pachyderm import Faulty
from tests.unit.operator.job_lives import Life
from tests.unit.operator.job_worlds import PLAYS_BRANCH
from tests.unit.operator.search.worlds import RANDOM, search, search_world, trials
from tests.unit.operator.world import PLAYS, SPEC, persist

WRITES = {"create_repo": 1, "replace_files": 1, "apply_pipelines": 1, "delete_pipeline": 2, "delete_repo": 1}
READS = {"branch_head": 3, "read_files": 2, "inspect_commit": 3}
FAULTS = [
    *((call, count, after) for call, count in WRITES.items() for after in (False, True)),
    *((call, count, False) for call, count in READS.items()),
]


@pytest.mark.parametrize(("call", "count", "after"), FAULTS)
def test_a_search_is_put_and_trained_once_whatever_fails(call: str, count: int, *, after: bool) -> None:
    for number in range(1, count + 1):
        world = search_world(RANDOM, Faulty())
        assert isinstance(world.pachyderm, Faulty)
        world.pachyderm.arm(call, number, after=after)
        assert search(world, reconcile=lambda each=world: persist(each, each.reconcile)) == [3]
        assert world.ready == ("True", "Generated")
        assert [len(found) for found in world.pachyderm.pipelines.values()] == [1, 1]
        assert len([commit for repo, commit in world.pachyderm.commits if repo == trials(world).repo]) == 1
        persist(world, world.delete)
        assert world.pachyderm.fired, f"call {number} of {call}"
        assert set(world.pachyderm.repos) == {world.corpus.repo}


@pytest.mark.parametrize(("spec", "trained"), [(RANDOM, [3])])
async def test_a_search_trains_each_trial_once(spec: dict[str, Any], trained: list[int]) -> None:
    life = Life(kube=FakeKube(raw_object({**SPEC, **spec})))
    life.world.put(PLAYS_BRANCH, PLAYS)
    async with life.operator() as found:
        await life.until_ready(found)
    ran = [each.partition(" ")[0] for each in life.world.ran]
    assert ran.count("train") == sum(trained)
    assert ran[-1] == "generate"
