"""The operator's calls, statuses and events over whole lives of ScriptModels are those of a recording.

A change that is to keep all behaviour keeps `recorded_life.txt`. After one that is meant, renew it and review its diff:

    RENEW=1 .venv/operator/bin/pytest tests/unit/operator/test_recorded_life.py
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.controller.controller import Controller
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError, RefusedError, UnavailableError
from scriptmodel_operator.kube.errors import KubeUnavailableError
from scriptmodel_operator.promotion.declared import ANNOTATION
from tests.unit.operator import search_worlds
from tests.unit.operator.base_worlds import FROM_REPO, MODEL, MODELS, following
from tests.unit.operator.controlling import KEY, PLAYS_BRANCH, FakeKube, controller, raw_object
from tests.unit.operator.promoting import GATE, measured
from tests.unit.operator.search_worlds import HALVING, RANDOM
from tests.unit.operator.taping import Tape, first_difference
from tests.unit.operator.world import PLAYS, SPEC, World

RECORDING = Path(__file__).with_name("recorded_life.txt")
URL = "https://example.com/plays.txt"
BROKEN = UnavailableError("calling Pachyderm", "the stream was reset")
UNKNOWN = RefusedError("calling Pachyderm", "something else went wrong", "UNKNOWN")
NO_API_SERVER = KubeUnavailableError("writing the status", 503, "injected")
CONFIG_MAP = {"corpus": {"configMap": {"name": "plays"}}}


@dataclass
class Life:
    """One object from its creation on, reconciled as the queue and the ticker would."""

    tape: Tape
    found: Controller
    kube: FakeKube
    requeued: asyncio.Event

    @property
    def world(self) -> World:
        """The object and its Pachyderm, for the functions that let jobs end."""
        return World(pachyderm=self.tape.pachyderm, model=parse_object(self.kube.raw))

    def edit(self, spec: dict[str, Any], **metadata: Any) -> None:
        """Write another spec, and lay metadata over the object's, as a user."""
        known = self.kube.raw["metadata"]
        generation = known["generation"] + (spec != self.kube.raw["spec"] or "deletionTimestamp" in metadata)
        annotations = {**known.get("annotations", {}), **metadata.pop("annotations", {})}
        metadata = {**known, **metadata, "generation": generation, "annotations": annotations}
        self.kube.raw = {**self.kube.raw, "spec": spec, "metadata": metadata}
        self.found.store.put(self.kube._changed())

    async def then(self, title: str, spec: dict[str, Any] | None = None, **metadata: Any) -> None:
        """Reconcile until nothing is left to do, half a minute later, with a newer snapshot."""
        tape, failures, uid = self.tape, self.found.queue._failures, self.kube.raw["metadata"]["uid"]
        tape.write(title)
        tape.pachyderm.advance(30)
        if spec is not None or metadata:
            self.edit(self.kube.raw["spec"] if spec is None else {**SPEC, **spec}, **metadata)
        await self.poll()
        for _ in range(20):
            self.requeued.clear()
            failed, after = True, None
            with suppress(RetryError):
                failed, after = False, await self.found.reconcile(KEY)
            if self.found.snapshots._waiting or self.found.downloads.in_progress(uid):
                await self.requeued.wait()
            await self.found.events.drain()
            while tape.events:
                tape.write(tape.events.pop(0))
            failures[KEY] = failures.get(KEY, 0) + 1 if failed else 0
            if failed:
                tape.write("  retry")
                tape.pachyderm.advance(30)
                await self.poll()
            elif not self.requeued.is_set():
                tape.write(f"  requeue {'on change' if after is None else f'after {after:.0f} s'}")
                assert not tape.faults
                return
        raise AssertionError(f"does not settle: {title}")

    async def poll(self) -> None:
        with suppress(EngineError):  # the next reconcile reports it
            await self.found.snapshots.latest(time.monotonic())

    async def end_jobs(self, title: str, outcomes: search_worlds.Outcomes | None = None) -> None:
        search_worlds.finish(self.world, outcomes)
        await self.then(title)

    async def delete(self, title: str) -> None:
        await self.then(title, deletionTimestamp="now")
        left = sorted(f"{kind} {ref}" for kind in ("pipelines", "repos") for ref in getattr(self.tape.pachyderm, kind))
        self.tape.write(f"  remain: {', '.join(left)}")


@asynccontextmanager
async def living(tape: Tape, spec: dict[str, Any]) -> AsyncIterator[Life]:
    raw, policy = raw_object({**SPEC, **spec}), Policy(downloads=("example.com",))
    async with controller(raw, tape.over, policy=policy) as (found, kube, _pachyderm):
        found.clock._monotonic = tape.monotonic  # it has the function of the time when it was imported
        requeued = asyncio.Event()
        found.snapshots._requeue = found.downloads._requeue = lambda _key: requeued.set()
        yield Life(tape, found, kube, requeued)


async def train_and_generate(tape: Tape) -> None:
    async with living(tape, {}) as life:
        pachyderm = tape.pachyderm
        await life.then("A corpus in a repo: created before the repo")
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        tape.fail("apply_pipelines", UNKNOWN)
        tape.fail("apply_pipelines", BROKEN, after=True)
        await life.then("the repo exists, but the first call fails, and the answer of the second is lost")
        train, generate = life.world.train, life.world.generate
        progress = {"event": "progress", "epoch": 2, "epochs": 4, "fraction": 0.5, "perplexity": 321.5}
        lines = [json.dumps({"time": 0, "event": "start", "epochs": 4}), json.dumps({"time": 0, **progress})]
        life.found.observer.logs._read_once(pachyderm.run(train, lines).ref)
        await life.then("a worker trains")
        tape.fail("engine", *[BROKEN] * 6)
        await life.then("Pachyderm is down while it trains")
        pachyderm.succeed(train)
        tape.fail("read_file", UNKNOWN)
        await life.then("the model is trained, and its metrics cannot be read at first")
        await life.end_jobs("the script is written")
        tape.fail("replace_status", NO_API_SERVER)
        await life.then("another temperature, and the API server is down", {"generation": {"temperature": "0.5"}})
        await life.end_jobs("its script is written")
        await life.then("another preset", {"model": {"preset": "small"}})
        pachyderm.fail(train, [json.dumps({"event": "error", "message": "no speaker", "hint": "add some"})])
        await life.then("training fails")
        pachyderm.put(PLAYS_BRANCH, {**PLAYS, "/macbeth.txt": b"MACBETH: Tomorrow.\n"})
        await life.then("a new commit of the corpus")
        pachyderm.advance(1900)
        tape.fail("stop_job", BROKEN, after=True)
        await life.then("no worker takes the job before pendingDeadline, and the answer of its stop is lost")
        pachyderm.edit(generate, command=("true",))
        await life.then("somebody edits a pipeline")
        await life.then("the user requests another training", annotations={RETRAIN_AT: "now"})
        tape.fail("delete_pipeline", UNKNOWN)
        tape.fail("delete_pipeline", BROKEN, after=True)
        await life.delete("deletionPolicy Delete, and two calls fail")


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


async def search(tape: Tape) -> None:
    async with living(tape, {**CONFIG_MAP, **RANDOM}) as life:
        tape.fail("replace_files", BROKEN, after=True)
        tape.fail("create_repo", UNKNOWN)
        await life.then("A search over a ConfigMap: created, and two calls fail")
        await life.end_jobs("all trials but one are trained", {"0001": "diverged"})
        await life.end_jobs("the best model is selected")
        await life.then("without a search", CONFIG_MAP)
        await life.end_jobs("a model is trained alone")
        tape.fail("delete_repo", UNKNOWN)
        await life.delete("deletionPolicy Delete, and a repo cannot be deleted at first")


async def halve(tape: Tape) -> None:
    async with living(tape, {**HALVING, "deletionPolicy": "Retain"}) as life:
        spec = life.kube.raw["spec"]
        tape.pachyderm.put(PLAYS_BRANCH, PLAYS)
        await life.then("A search by halving: created")
        tape.fail("engine", *[BROKEN] * 3)
        tape.fail("replace_files", BROKEN, after=True)
        await life.end_jobs("the first round ends while Pachyderm is down, and the answer to the second one is lost")
        await life.then("suspended in the second round", {**spec, "suspend": True})
        await life.then("resumed", spec)
        await life.end_jobs("the second round ends", {"0001": 3.0})
        await life.end_jobs("the best model is selected")
        await life.delete("deletionPolicy Retain")


async def start_from_a_base(tape: Tape) -> None:
    async with living(tape, following(FROM_REPO)) as life:
        tape.pachyderm.put(PLAYS_BRANCH, PLAYS)
        await life.then("A base model: created before the base exists")
        tape.pachyderm.put(MODELS, MODEL)
        tape.fail("replace_files", BROKEN, after=True)
        await life.then("the base exists, and the answer of its copy is lost")
        await life.end_jobs("the script is written")
        tape.pachyderm.put(MODELS, {**MODEL, "/weights-0123456789abcdef.safetensors": b"other"})
        await life.then("a new base model")
        await life.end_jobs("its script is written")
        await life.then("without a base", {})
        await life.end_jobs("a model is trained alone")
        await life.delete("deletionPolicy Delete")


async def download(tape: Tape) -> None:
    async with living(tape, {"corpus": {"http": {"urls": [URL]}}, "deletionPolicy": "Orphan"}) as life:
        tape.pachyderm.web[URL] = b"HAMLET: To be.\n"
        tape.fail("fetch_file", UNKNOWN)
        await life.then("A corpus by URL: created, and the first download fails")
        tape.pachyderm.advance(600)
        await life.then("the download is tried again")
        await life.end_jobs("the script is written")
        tape.pachyderm.web[URL] = b"HAMLET: Not to be.\n"
        await life.then("the user requests another download", annotations={RECONCILE_AT: "now"})
        await life.end_jobs("its script is written")
        await life.delete("deletionPolicy Orphan")


async def test_lives_with_faults_are_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", time.monotonic)  # only the operator's time is virtual
    monkeypatch.setattr(time, "monotonic", tape.monotonic)
    try:
        for live in (train_and_generate, promote_and_suspend, search, halve, start_from_a_base, download):
            await live(tape)
        if os.environ.get("RENEW"):
            RECORDING.write_text("\n".join([*tape.lines, ""]))
    finally:  # what differs first is mostly the cause of a life that did not get to its end
        if found := first_difference(RECORDING.read_text().splitlines(), tape.lines):
            pytest.fail(f"not as recorded; {__doc__}\n{found}")
