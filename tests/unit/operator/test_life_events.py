"""Events about changes of a pipeline by others: each transition once."""

import time
from contextlib import suppress
from typing import Any

import pytest

from scriptmodel_operator.app import Parts
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.engine.errors import UnavailableError
from tests.unit.operator.controlling import PLAYS_BRANCH, FakeKube, controller, raw_object, settled
from tests.unit.operator.world import PLAYS, SPEC


async def events(found: Parts, kube: FakeKube) -> list[str]:
    """Return the events since the last call of this function."""
    await found.events.drain()
    reasons, kube.events = kube.events, []
    return reasons


@pytest.mark.parametrize("changed", [{}, {"model": {"preset": "small"}}], ids=["as it was", "changed"])
async def test_a_stop_by_a_suspension_is_not_attributed_to_somebody_else(changed: dict[str, Any]) -> None:
    """Though the spec changes in the same moment, and Pachyderm does not answer then."""
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        for number, expected in enumerate(({**SPEC, "suspend": True}, {**SPEC, **changed}), start=2):
            await events(found, kube)
            metadata = {**kube.raw["metadata"], "generation": number, "resourceVersion": str(10 * number)}
            kube.raw = {**kube.raw, "metadata": metadata, "spec": expected}
            found.reconciler.store.put(kube.raw)
            pachyderm.fault = lambda call: UnavailableError(call, "gone") if call == "start_pipeline" else None
            with suppress(RetryError):
                await settled(found)
            pachyderm.fault = lambda _call: None
            await settled(found)
        assert not any(info[-1].stopped for info in pachyderm.pipelines.values())
        reported = ["Updating"] if changed else []
        assert await events(found, kube) == [*reported, "EngineUnavailable", "WaitingForWorker"]
        pachyderm.stop_pipeline(next(iter(pachyderm.pipelines)))
        await found.snapshots.latest(time.monotonic())
        await settled(found)
        assert (await events(found, kube))[-1] == "Updating"
