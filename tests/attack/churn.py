"""Creates, changes, suspends and deletes objects at random while the operator is killed, and checks what is left.

The operator's own parts run against an API server and a Pachyderm in memory. At the end of a case each object is ready
or has a reason, and once all are deleted nothing of them is left, but for what their deletionPolicy keeps. Nothing of
anybody else is ever touched. `CHURN_OBJECTS` sets the number of objects of a case [default: 60].
"""

import asyncio
import logging
import os
import random
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from scriptmodel_operator.api.identity import ADOPT, RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.api.marks import Mark, Owner, naming
from scriptmodel_operator.api.names import PIPELINES, pachyderm_names
from scriptmodel_operator.app import Process, compose
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.queue import arrived, deleted
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.engine.values import (
    BranchRef,
    PipelineApply,
    PipelineInfo,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    RepoInfo,
    RepoRef,
)
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeNotFoundError
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.attack.runner import FindingError, main
from tests.unit.operator.fake_kube import UnexpectedKube, merged
from tests.unit.operator.fake_pachyderm import FakePachyderm

OBJECTS = int(os.environ.get("CHURN_OBJECTS", "60"))
NAMESPACES = ("ml", "drama", "team-22624", "team-65614")
VICTIM = ("ml", "play-0")
"""Annotate the object to adopt pipelines that another ScriptModel has under its names."""
PLAYS = BranchRef(RepoRef("default", "plays"), "master")
SETTLE_SECONDS = 50.0
POLL_SECONDS = 0.05
Key = tuple[str, str]
Keeps = ("Retain", "Orphan")


class OneAtATime:
    """A fake Pachyderm whose calls come from many threads."""

    def __init__(self, pachyderm: FakePachyderm) -> None:
        self._pachyderm = pachyderm
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._pachyderm, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return found(*args, **kwargs)

        return call


@dataclass
class Kube(UnexpectedKube):
    """Imitates the API server for ScriptModels: versions, generations, finalizers, conflicts."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    version: int = 0
    arrived: Callable[[dict[str, Any]], None] = lambda _raw: None
    gone: Callable[[dict[str, Any]], None] = lambda _raw: None

    def create(self, key: Key, spec: dict[str, Any]) -> None:
        metadata = {"namespace": key[0], "name": key[1], "uid": f"uid-{self.version}", "generation": 1}
        self._put(key, {"metadata": metadata, "spec": spec})

    def change(self, key: Key, spec: dict[str, Any] | None = None, **annotations: str) -> None:
        known = self.objects[key]
        metadata = known["metadata"]
        changed = spec is not None and spec != known["spec"]
        metadata = {
            **metadata,
            "generation": metadata["generation"] + changed,
            "annotations": {**metadata.get("annotations", {}), **annotations},
        }
        self._put(key, {**known, "metadata": metadata, "spec": spec or known["spec"]})

    def delete(self, key: Key) -> None:
        known = self.objects[key]
        self._put(key, {**known, "metadata": {**known["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})

    def _put(self, key: Key, raw: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}
        if "deletionTimestamp" in raw["metadata"] and not raw["metadata"].get("finalizers"):
            self.objects.pop(key, None)
            self.gone(raw)
        else:
            self.objects[key] = raw
            self.arrived(raw)
        return raw

    async def patch_scriptmodel(self, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        known = self._known(namespace, name)
        if patch["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
            raise KubeConflictError("patching", 409, "the object has been modified")
        metadata = merged(known["metadata"], patch["metadata"])
        return self._put((namespace, name), {**known, "metadata": metadata})

    async def replace_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        known = self._known(namespace, name)
        if uid != known["metadata"]["uid"]:
            raise KubeError("writing the status", 422, "another uid")
        return self._put((namespace, name), {**known, "status": status})

    async def get_config_map(self, namespace: str, _name: str) -> dict[str, Any]:
        return {"data": {"hamlet.txt": f"HAMLET: To be or not to be in {namespace}."}}

    async def create_event(self, _namespace: str, _body: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)

    def _known(self, namespace: str, name: str) -> dict[str, Any]:
        found = self.objects.get((namespace, name))
        if found is None:
            raise KubeNotFoundError("reading", 404, "not found")
        return found


class Operator:
    """One operator process; killed, it leaves its current action unfinished."""

    def __init__(self, kube: Kube, pachyderm: OneAtATime) -> None:
        self._calls, process = Calls(4), Process.create()
        config = OperatorConfig(PachdAddress("nowhere:1"), trainer_image="trainer:1", poll_interval=POLL_SECONDS)
        gateway = cast(Gateway, pachyderm)
        self._controller = compose(config, kube, gateway, self._calls, "cluster-1", process)
        self._tasks = [
            asyncio.create_task(process.queue.run(self._controller.reconciler.reconcile, config.workers)),
            asyncio.create_task(self._controller.ticker.run()),
            asyncio.create_task(self._controller.events.run()),
        ]
        kube.arrived = partial(arrived, process.store, process.queue)
        kube.gone = partial(deleted, process.store, process.queue)
        for raw in list(kube.objects.values()):
            kube.arrived(raw)

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._controller.observer.logs.close()
        await self._controller.snapshots.close()
        self._calls.close()


@dataclass
class Churn:
    """One case."""

    chance: random.Random
    kube: Kube = field(default_factory=Kube)
    fake: FakePachyderm = field(
        default_factory=lambda: FakePachyderm(now=datetime.now(UTC), pipeline_limit=10 * OBJECTS + 10)
    )
    kept: set[str] = field(default_factory=set)
    """Names that a deletionPolicy may have left behind."""
    foreign: set[str] = field(default_factory=set)
    """Names of what others own."""
    kills: int = 0
    _dying: bool = False

    async def run(self) -> str:
        self.pachyderm = OneAtATime(self.fake)
        self.pachyderm.create_repo(PLAYS.repo, " ".join(map(naming, NAMESPACES)))
        self.pachyderm.put(PLAYS, {"/hamlet.txt": b"HAMLET: To be or not to be.\n"})
        self.foreign = self._foreigners()
        before = self._state_of_others()
        self.fake.fault = self._fault
        operator = Operator(self.kube, self.pachyderm)
        try:
            for step in range(3 * OBJECTS):
                self._step()
                if step % 4 == 0:
                    await asyncio.sleep(0)
                if self.chance.random() < 6 / (3 * OBJECTS):
                    await asyncio.sleep(self.chance.random() / 10)
                    operator = await self._restarted(operator)
            await self._settle(self._all_told, "objects are neither ready nor have a reason")
            for key, raw in list(self.kube.objects.items()):
                if "deletionTimestamp" not in raw["metadata"]:
                    self._delete(key)
            operator = await self._restarted(operator)
            await self._settle(lambda: not self.kube.objects, "objects are not released")
        finally:
            await operator.kill()
        if self._state_of_others() != before:
            raise FindingError("something of somebody else was touched")
        self._check_leftovers()
        return f"churned with {self.kills} kills"

    async def _restarted(self, operator: Operator) -> Operator:
        """Kill the process, at its next call or immediately."""
        self._dying = self.chance.random() < 0.5
        await asyncio.sleep(0.02)
        await operator.kill()
        self._dying = False
        self.kills += 1
        return Operator(self.kube, self.pachyderm)

    def _fault(self, call: str) -> UnavailableError | None:
        return UnavailableError(call, "killed") if self._dying else None

    def _step(self) -> None:
        key = self.chance.choice(NAMESPACES), f"play-{self.chance.randrange(OBJECTS // 4 + 1)}"
        raw = self.kube.objects.get(key)
        if raw is None:
            if len(self.kube.objects) < OBJECTS:
                self.kube.create(key, self._spec())
                if key == VICTIM:
                    self.kube.change(key, None, **{ADOPT: "true"})
            return
        if "deletionTimestamp" in raw["metadata"]:
            return
        act = self.chance.choice(
            [self._change, self._change, self._delete, self._ask, self._work, self._work, self._meddle]
        )
        act(key)

    def _spec(self) -> dict[str, Any]:
        repo, config_map = {"repo": {"name": "plays"}}, {"configMap": {"name": "plays"}}
        return {
            "corpus": self.chance.choice([repo, config_map]),
            "model": {"preset": self.chance.choice(["test", "small"])},
            "generation": {"seed": self.chance.randrange(3)},
            "suspend": self.chance.random() < 0.15,
            "deletionPolicy": self.chance.choice(["Delete"] * 8 + [*Keeps]),
        }

    def _change(self, key: Key) -> None:
        self.kube.change(key, self._spec())

    def _delete(self, key: Key) -> None:
        if self.kube.objects[key]["spec"]["deletionPolicy"] in Keeps:
            self.kept.update(_all_names(key))
        self.kube.delete(key)

    def _ask(self, key: Key) -> None:
        stamp = self.chance.choice(["now", "\U0001f3ad", "\x7f", "x" * 1000]) + str(self.chance.random())
        self.kube.change(key, None, **{self.chance.choice([RECONCILE_AT, RETRAIN_AT]): stamp})

    def _work(self, key: Key) -> None:
        """The oldest job of the object ends, train before generate."""
        for name in self._ours(key):
            ref = PipelineRef("default", name)
            if any(job.ref.pipeline == ref and not job.state.final for job in list(self.fake.jobs.values())):
                self.chance.choice([self.pachyderm.succeed, self.pachyderm.succeed, self.pachyderm.fail])(ref)
                return

    def _meddle(self, key: Key) -> None:
        """Edit a pipeline of the object as another user would."""
        refs = [ref for name in self._ours(key) if (ref := PipelineRef("default", name)) in self.fake.pipelines]
        if refs:
            self.pachyderm.edit(self.chance.choice(refs), tries=self.chance.randrange(4, 9))

    def _all_told(self) -> bool:
        """Check that the status of each object's newest spec is Ready or has a reason."""
        return all(_is_told(raw) for raw in list(self.kube.objects.values()))

    async def _settle(self, done: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while not done():
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            left = [
                f"{namespace}/{name}: {(raw.get('status') or {}).get('conditions', ['no status'])[0]}"
                for (namespace, name), raw in self.kube.objects.items()
                if "deletionTimestamp" in raw["metadata"] or not _is_told(raw)
            ]
            raise FindingError(f"{otherwise}: {left[:5]}") from None

    def _foreigners(self) -> set[str]:
        """Create what others own, some of it under names of our objects; return its names."""
        victim, unmarked = (pachyderm_names("ml", f"play-{number}", "default") for number in range(2))
        mark = Mark(Owner("cluster-1", "elsewhere", "secret", "1"))
        found = {"persons-own": {}, victim["train"]: mark.annotations(), unmarked["generate"]: {}}
        for name, marked in found.items():
            spec = PipelineSpec(PipelineRef("default", name), "theirs:1", ("true",), PipelineInput("in", PLAYS, "/"))
            self.pachyderm.apply_pipelines([PipelineApply(replace(spec, annotations=marked))])
        self.pachyderm.create_repo(RepoRef("default", victim["corpus"]), mark.to_json())
        return {*found, victim["corpus"], "plays"}

    def _ours(self, key: Key) -> list[str]:
        return [name for name in _all_names(key) if name not in self.foreign]

    def _state_of_others(self) -> tuple[dict[PipelineRef, list[PipelineInfo]], dict[RepoRef, RepoInfo]]:
        names = self.foreign
        pipelines = {ref: list(versions) for ref, versions in self.fake.pipelines.items() if ref.name in names}
        return pipelines, {ref: info for ref, info in self.fake.repos.items() if ref.name in names}

    def _check_leftovers(self) -> None:
        names = {ref.name for ref in self.fake.pipelines} | {ref.name for ref in self.fake.repos}
        if left := names - self.foreign - self.kept:
            raise FindingError(f"left in Pachyderm: {sorted(left)}")


def _all_names(key: Key) -> list[str]:
    names = pachyderm_names(*key, "default")
    return [names[part] for part in (*PIPELINES, "corpus")]


def _is_told(raw: Mapping[str, Any]) -> bool:
    conditions = (raw.get("status") or {}).get("conditions") or []
    ready: Mapping[str, Any] = next((each for each in conditions if each["type"] == "Ready"), {})
    newest = ready.get("observedGeneration") == raw["metadata"]["generation"]
    return "deletionTimestamp" not in raw["metadata"] and newest and bool(ready.get("reason") and ready.get("message"))


def attack(_number: int, chance: random.Random) -> str:
    """One case."""
    return asyncio.run(Churn(chance).run())


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(attack))
