"""Storage of Pachyderm that refuses a worker's output: the job is repeated, and the status says why."""

import json

from scriptmodel_operator.engine.values import LogLine
from scriptmodel_operator.observe.follow import LogFollower
from tests.unit.operator.fake_pachyderm import FakeLog
from tests.unit.operator.refusing import REFUSED_BY_STORAGE
from tests.unit.operator.world import started_world


def test_storage_that_refuses_the_output_is_the_reason_until_the_job_ends() -> None:
    """Pachyderm trains again and again; of its jobs and datums only the count of restarts shows it."""
    world = started_world()
    start, ended = json.dumps({"event": "start", "epochs": 3}), json.dumps({"event": "epoch", "epoch": 3})
    for ref, printed in ((world.train, [start, ended]), (world.generate, [])):
        job = world.pachyderm.run(ref).ref
        refused = LogLine(REFUSED_BY_STORAGE, worker_error=True)
        lines = [*(LogLine(text) for text in printed), refused]
        for again in (lines, [*lines, LogLine(start)]):
            found = {job: again}
            world.pachyderm.log_source = lambda each, _follow, found=found: FakeLog(found.get(each, []))
            world.observer.logs = LogFollower(world.pachyderm, limit=0)
            world.reconcile()
            assert world.ready == ("False", "WorkerError")
            message = world.condition("Ready")["message"]
            assert message.startswith("the worker repeats the job, because it failed outside the trainer: blob (")
            assert "permission denied; check the engine's storage" in message
            assert world.condition("Stalled")["status"] == "False", "it continues once the storage works"
        world.pachyderm.succeed(ref)
        world.reconcile()
    assert world.ready == ("True", "Generated")
