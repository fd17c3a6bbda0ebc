"""The operator's calls, statuses and events over a life with a gate are those of a recording."""

from pathlib import Path

import pytest

from scriptmodel_operator.promotion.declared import ANNOTATION
from tests.unit.operator.controlling import PLAYS_BRANCH
from tests.unit.operator.living import BROKEN, UNKNOWN, check_recording, living
from tests.unit.operator.promotion.worlds import GATE, measured
from tests.unit.operator.taping import Tape
from tests.unit.operator.world import PLAYS


async def promote_and_suspend(tape: Tape) -> None:
    async with living(tape, {**GATE, "deletionPolicy": "Retain"}) as life:
        gate = life.kube.raw["spec"]
        tape.pachyderm.put(PLAYS_BRANCH, PLAYS)
        measured(life.world, 1.5)
        await life.then("Promotion: created")
        await life.end_jobs("the first model is promoted")
        measured(life.world, 1.6)
        tape.pachyderm.put(PLAYS_BRANCH, {**PLAYS, "/lear.txt": b"LEAR: Howl.\n"})
        await life.then("a new commit of the corpus")
        await life.end_jobs("the second model is held back")
        model = life.kube.raw["status"]["promotion"]["model"]
        await life.then("the second model is promoted by annotation", annotations={ANNOTATION: model})
        tape.fail("stop_pipeline", UNKNOWN)
        await life.then("suspended, and a call fails", {**gate, "suspend": True})
        tape.fail("start_pipeline", BROKEN, after=True)
        await life.then("resumed, and an answer is lost", gate)
        await life.end_jobs("nothing is new")
        await life.delete("deletionPolicy Retain")


async def test_a_life_with_a_gate_is_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_recording(Path(__file__).with_name("recorded_life.txt"), monkeypatch, promote_and_suspend)
