"""When an object is reconciled again although nothing changes: by state, job and source."""

from scriptmodel_operator.reconcile.requeue import requeue_after
from scriptmodel_operator.reconcile.state import Applied, Applying, Blocked, ModelState, Suspended
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world

POLL, SOURCE_DUE = 5.0, 600.0


def requeue(world: World, kind: type[ModelState], source_due: float | None = None) -> float | None:
    state, view = world.assess()
    assert type(state) is kind
    return requeue_after(state, world.model, view, poll_interval=POLL, source_due=source_due)


def test_a_blocked_object_is_polled_and_a_suspended_one_is_not() -> None:
    assert requeue(World(), Blocked, SOURCE_DUE) == POLL
    world = trained_world()
    world.apply({"suspend": True})
    assert requeue(world, Suspended, SOURCE_DUE) is None


def test_a_settled_and_a_failed_object_wait_for_their_source_only() -> None:
    world = trained_world()
    assert (requeue(world, Applied), requeue(world, Applied, SOURCE_DUE)) == (None, SOURCE_DUE)
    world.pachyderm.put(world.corpus, {"/macbeth.txt": b"MACBETH: Is this a dagger?\n"})
    world.pachyderm.fail(world.train)
    assert (requeue(world, Applied), requeue(world, Applied, SOURCE_DUE)) == (None, SOURCE_DUE)


def test_a_running_job_is_polled_and_a_waiting_one_has_until_pending_deadline() -> None:
    world = World(model=scriptmodel({"training": {"pendingDeadline": "30m"}}))
    world.pachyderm.put(world.corpus, PLAYS)
    assert requeue(world, Applying) == POLL
    world.reconcile()
    world.pachyderm.advance(600)
    assert requeue(world, Applied) == 1200
    assert requeue(world, Applied, SOURCE_DUE) == SOURCE_DUE
    world.pachyderm.advance(1198)
    assert requeue(world, Applied) == POLL, "no sooner than a poll"
    world.pachyderm.run(world.train)
    assert requeue(world, Applied) == POLL
