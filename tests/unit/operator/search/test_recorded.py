"""The operator's calls, statuses and events over lives with a search are those of a recording."""

from functools import partial
from pathlib import Path

import pytest

from tests.unit.operator.controlling import PLAYS_BRANCH
from tests.unit.operator.living import BROKEN, UNKNOWN, check_recording, living
from tests.unit.operator.search.worlds import HALVING, RANDOM, finish
from tests.unit.operator.taping import Tape
from tests.unit.operator.world import PLAYS

CONFIG_MAP = {"corpus": {"configMap": {"name": "plays"}}}


async def search(tape: Tape) -> None:
    async with living(tape, {**CONFIG_MAP, **RANDOM}) as life:
        tape.fail("replace_files", BROKEN, after=True)
        tape.fail("create_repo", UNKNOWN)
        await life.then("A search over a ConfigMap: created, and two calls fail")
        await life.end_jobs("all trials but one are trained", partial(finish, outcomes={"0001": "diverged"}))
        await life.end_jobs("the best model is selected", finish)
        await life.then("without a search", CONFIG_MAP)
        await life.end_jobs("a model is trained alone", finish)
        tape.fail("delete_repo", UNKNOWN)
        await life.delete("deletionPolicy Delete, and a repo cannot be deleted at first")


async def halve(tape: Tape) -> None:
    async with living(tape, {**HALVING, "deletionPolicy": "Retain"}) as life:
        spec = life.kube.raw["spec"]
        tape.pachyderm.put(PLAYS_BRANCH, PLAYS)
        await life.then("A search by halving: created")
        tape.fail("engine", *[BROKEN] * 3)
        tape.fail("replace_files", BROKEN, after=True)
        await life.end_jobs(
            "the first round ends while Pachyderm is down, and the answer to the second one is lost", finish
        )
        await life.then("suspended in the second round", {**spec, "suspend": True})
        await life.then("resumed", spec)
        await life.end_jobs("the second round ends", partial(finish, outcomes={"0001": 3.0}))
        await life.end_jobs("the best model is selected", finish)
        await life.delete("deletionPolicy Retain")


async def test_lives_with_a_search_are_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_recording(Path(__file__).with_name("recorded_life.txt"), monkeypatch, search, halve)
