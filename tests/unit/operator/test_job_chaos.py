"""The operator is killed between any two calls to API server and bucket, or another acts there: the end is the same."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.operator.controlling import message, reason
from tests.unit.operator.job_lives import NEVER, Joined, Killed, Life, arm
from tests.unit.operator.job_worlds import PLAYS_BRANCH
from tests.unit.operator.world import PLAYS

RANDOM: dict[str, Any] = {
    "search": {
        "parameters": [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}],
        "numTrials": 3,
        "parallelTrials": 2,
    }
}
EACH = (pytest.mark.slow, pytest.mark.timeout(3600))
"""Marks of a test of each call; others test some."""
STEPS: list[tuple[dict[str, Any], str]] = [
    ({}, "Generated"),
    ({"model": {"preset": "small"}}, "Generated"),
    (RANDOM, "Generated"),
    ({**RANDOM, "model": {"preset": "large"}}, "WaitingForWorker"),
    ({**RANDOM, "model": {"preset": "large"}, "suspend": True}, "Suspended"),
    ({**RANDOM, "model": {"preset": "large"}}, "Generated"),
]
"""What people want of an object, and the reason with which that ends; in the end it is deleted."""


async def lived(kill: Killed | None = None) -> dict[str, Any]:
    """Live all steps; return what came of them, without what differs from life to life, and the number of calls."""
    life = Life()
    life.world.put(PLAYS_BRANCH, PLAYS)
    if isinstance(kill, Joined):
        kill.world = life.world
    arm(life.world, kill)
    for spec, end in STEPS:
        life.edit(spec)
        await _reach(life, kill, lambda end=end: _is_at(life, end), runs=end == "Generated")
    arm(life.world, None)  # no operator reads these
    heads = {repo.ref.name: repo.size_bytes for repo in life.world.gateway().list_repos(["ml"])}
    arm(life.world, kill)
    life.edit(deletionTimestamp="now")
    await _reach(life, kill, lambda: not life.kube.raw["metadata"]["finalizers"])
    return {
        "ran": sorted(life.world.ran),
        "heads": heads,
        "keys": [key for key in life.world.bucket.objects if "/runs/" in key],
        "left": sorted(life.world.cluster.objects),
        "calls": len(life.world.cluster.calls) + len(life.world.bucket.calls),
    }


def _is_at(life: Life, end: str) -> bool:
    status = life.kube.raw.get("status") or {}
    current = status.get("observedGeneration") == life.kube.raw["metadata"]["generation"] and reason(life.kube) == end
    return current and not (end == "Suspended" and life.world.unfinished)


async def _reach(life: Life, kill: Killed | None, ended: Callable[[], bool], *, runs: bool = False) -> None:
    """Reconcile until a step has ended; an operator that is killed is followed by another."""
    for _ in range(2):
        async with life.operator() as found:
            for _ in range(60):
                await life.reconcile(found)
                if kill and kill.dead:
                    kill.dead = False
                    break
                if ended():
                    return
                if runs:
                    life.world.run()
        arm(life.world, None)
    raise AssertionError(f"does not settle: {message(life.kube)}")


def same(found: dict[str, Any], whole: dict[str, Any]) -> bool:
    return {**found, "calls": 0} == {**whole, "calls": 0}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stride", [61, pytest.param(1, marks=EACH)])
async def test_the_end_state_is_that_of_a_life_without_a_kill(stride: int, after: bool) -> None:
    whole = await lived()
    for at in range(0, whole["calls"], stride):
        assert same(await lived(Killed(at, after)), whole), f"killed at call {at}"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("stride", "every"), [(61, NEVER), (1000, 3), pytest.param(1, NEVER, marks=EACH)])
async def test_two_operators_at_once_do_what_one_does(stride: int, every: int, after: bool) -> None:
    whole = await lived()
    for at in range(0, whole["calls"], stride):
        assert same(await lived(Joined(at, after, every=every)), whole), f"the other one polled at call {at}"
