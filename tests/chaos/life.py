"""The life of one ScriptModel, from its creation to its deletion, and the observed state at its end."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from python_pachyderm.proto.v2.pfs import pfs_pb2, pfs_pb2_grpc
from python_pachyderm.proto.v2.pps import pps_pb2, pps_pb2_grpc

from scriptmodel_operator.api.names import pachyderm_names
from scriptmodel_operator.kube.client import KubeClient
from tests.unit.operator.conformance import check_status

NAME = "mortal"
STEP_SECONDS = 150.0
POLL_SECONDS = 0.4
SETTLE_SECONDS = 60.0
EVENT_SECONDS = 10.0
"""The operator sends events in the background, and again after a fault."""
MILESTONES = {"Creating", "Updating", "Generated", "Suspended"}
"""Events that do not depend on speed: there are as many notes as in the fault-free run."""
_CALL_SECONDS = 30.0
_SM = "/apis/scriptmodel.dev/v1alpha1/namespaces"
_MERGE = "application/merge-patch+json"
_MOMENTS = {
    *("lastTransitionTime", "startTime", "completionTime", "finished", "gpuSeconds"),
    *("lastCheckTime", "lastChangeTime"),
}
_DIFFERENT = _MOMENTS | {"request"}
"""The digest of an address differs with the address."""

Object = dict[str, Any]


class AstrayError(AssertionError):
    """The life did not go as it should."""


@dataclass
class Life:
    """`kube` and `address` lead to the servers themselves, past any proxy."""

    kube: KubeClient
    address: str
    namespace: str
    searches: bool = False
    ended: Callable[[], str] = lambda: ""
    """Return why no progress is possible; empty while the operator runs."""
    step: str = ""
    slowest: float = 0.0
    """Seconds of the slowest of its own calls, which have no faults: it shows how busy the machine is."""
    pipelines: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    _checked: str = ""
    """The resourceVersion of the last status that was checked."""

    async def run(self, expected: Object | None) -> Object:
        """Live the whole life and return the state at its end; raises AstrayError if the end is not reached.

        It is looked at again for a while where it is not as `wanted`, or, where nothing is, until it is at rest.
        """
        names = pachyderm_names(self.namespace, NAME, "default")
        self.pipelines = [names[part] for part in ("train", "generate")]
        self.names = [*self.pipelines, names["corpus"], *([names["trials"]] if self.searches else [])]
        async with grpc.aio.insecure_channel(self.address) as channel:
            self._pps = pps_pb2_grpc.APIStub(channel)
            self._pfs = pfs_pb2_grpc.APIStub(channel)
            await (self._search() if self.searches else self._live())
            end = await self._settled(expected)
            await self._die()
            end["left"] = await self._left()
            return end | await self._reported(expected)

    async def _reported(self, expected: Object | None) -> Object:
        """Return the number of events and of milestones by reason, once those are there that are expected."""
        deadline = time.monotonic() + EVENT_SECONDS
        while True:
            events = await self._events()
            found = Counter(reason for reason, _note in set(events) if reason in MILESTONES)
            if found == (expected or {}).get("milestones") or time.monotonic() > deadline:
                return {
                    "events": dict(sorted(Counter(reason for reason, _note in events).items())),
                    "milestones": found,
                }
            await asyncio.sleep(0.3)

    async def _create(self, **spec: Any) -> Object:
        spec |= {"corpus": {"configMap": {"name": "plays"}}, "model": {"preset": "test"}, "generation": {"words": 30}}
        await self._post(
            "/api/v1/namespaces", {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": self.namespace}}
        )
        plays = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "plays"}}
        data = {"hamlet.txt": "HAMLET: To be or not to be.\n"}
        await self._post(f"/api/v1/namespaces/{self.namespace}/configmaps", {**plays, "data": data})
        body = {"apiVersion": "scriptmodel.dev/v1alpha1", "kind": "ScriptModel", "metadata": {"name": NAME}}
        await self._post(f"{_SM}/{self.namespace}/scriptmodels", {**body, "spec": spec})
        return await self._until("created", lambda found: _ready(found, 1))

    async def _search(self) -> None:
        """Search, then with more trials, and suspended meanwhile."""
        dropout = {"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}
        await self._create(search={"parameters": [dropout], "numTrials": 3})
        await self._patch({"search": {"numTrials": 5}})
        await self._until(
            "more trials", lambda found: _ready(found, 2) and found["status"]["search"]["completed"] == "5/5"
        )
        await self._pause(3)

    async def _live(self) -> None:
        first = await self._create()
        await self._patch({"generation": {"words": 40}})
        await self._until("another generation", lambda found: _ready(found, 2))
        await self._patch({"model": {"preset": "small"}})
        await self._until("another preset", lambda found: _ready(found, 3))
        where = f"/api/v1/namespaces/{self.namespace}/configmaps/plays"
        changed = {"data": {"hamlet.txt": "HAMLET: To be, and then to be no more.\n"}}
        await asyncio.to_thread(self.kube.request, "PATCH", where, "writing the scripts", changed, _MERGE)
        before = first["status"]["lineage"]["corpus"].partition("@")[2]
        await self._until(
            "another corpus",
            lambda found: _ready(found, 3) and found["status"]["lineage"]["corpus"].partition("@")[2] != before,
        )
        await self._pause(4)

    async def _pause(self, generation: int) -> None:
        """Suspend and resume. It is Ready at once with the script that it had; what starts writes it once more."""
        await self._patch({"suspend": True})
        suspended = await self._until("suspended", lambda found: _reason(found, generation) == "Suspended")
        await self._patch({"suspend": False})
        script = suspended["status"]["lineage"]["script"].partition("@")[2]
        await self._until(
            "resumed",
            lambda found: (
                _ready(found, generation + 1)
                and found["status"]["lineage"]["script"].partition("@")[2] != script
                and all(each["state"] != "PAUSED" for each in found["status"]["pipelines"])  # reported a little later
            ),
        )

    async def _die(self) -> None:
        await asyncio.to_thread(self.kube.request, "DELETE", self._path, "deleting")
        deadline = time.monotonic() + STEP_SECONDS
        self.step = "deleted"
        while await self._objects():
            await self._wait(deadline, {})

    async def _until(self, step: str, holds: Callable[[Object], bool]) -> Object:
        self.step = step
        deadline = time.monotonic() + STEP_SECONDS
        while True:
            found = next(iter(await self._objects()))
            if holds(found):
                return found
            await self._wait(deadline, found)

    async def _wait(self, deadline: float, found: Object) -> None:
        if why := self.ended():
            raise AstrayError(why)
        if time.monotonic() > deadline:
            raise AstrayError(f"not within {STEP_SECONDS:.0f} s: {json.dumps(found.get('status'))}")
        await asyncio.sleep(POLL_SECONDS)

    async def _settled(self, expected: Object | None) -> Object:
        deadline = time.monotonic() + SETTLE_SECONDS
        end = await self._outcome()
        while any(end[key] != (expected or {}).get(key) for key in end) and time.monotonic() < deadline:
            await asyncio.sleep(1.0 if expected is None else 0.3)
            last, end = end, await self._outcome()
            if expected is None and last == end:
                break
        return end

    async def _outcome(self) -> Object:
        found = next(iter(await self._objects()))
        pipelines = {}
        for name in self.pipelines:
            request = pps_pb2.InspectPipelineRequest(pipeline=_pipeline(name), details=True)
            info = await self._pps.InspectPipeline(request, timeout=_CALL_SECONDS)
            jobs = self._pps.ListJob(
                pps_pb2.ListJobRequest(pipeline=_pipeline(name), history=-1), timeout=_CALL_SECONDS
            )
            states = [f"v{job.pipeline_version} {pps_pb2.JobState.Name(job.state)}" async for job in jobs]
            pipelines[name] = {
                "version": info.version,
                "state": pps_pb2.PipelineState.Name(info.state).removeprefix("PIPELINE_"),
                "command": list(info.details.transform.cmd),
                "jobs": sorted(states),
            }
        commits = {}
        for name in self.names:
            commits[name] = await self._commits(name)
        metadata = {key: found["metadata"].get(key) for key in ("finalizers", "annotations", "generation")}
        reported = {"metadata": metadata, "status": found["status"], "pipelines": pipelines, "commits": commits}
        normal: Object = self._normal(reported)
        return normal

    async def _commits(self, name: str) -> int:
        """Return the number of commits on the branches of a repo."""
        branches = self._pfs.ListBranch(pfs_pb2.ListBranchRequest(repo=_repo(name)), timeout=_CALL_SECONDS)
        waiting = [each.head.id async for each in branches]
        found: set[str] = set()
        while waiting:
            found.add(newest := waiting.pop())
            request = pfs_pb2.InspectCommitRequest(commit=pfs_pb2.Commit(repo=_repo(name), id=newest))
            info = await self._pfs.InspectCommit(request, timeout=_CALL_SECONDS)
            if info.parent_commit.id and info.parent_commit.id not in found:
                waiting.append(info.parent_commit.id)
        return len(found)

    async def _left(self) -> list[str]:
        """Return what should have been deleted. An open transaction of a killed operator has no effect, and stays."""
        repos = self._pfs.ListRepo(pfs_pb2.ListRepoRequest(type="user"), timeout=_CALL_SECONDS)
        left = [f"repo {info.repo.name}" async for info in repos if info.repo.name in self.names]
        pipelines = self._pps.ListPipeline(pps_pb2.ListPipelineRequest(), timeout=_CALL_SECONDS)
        return left + [f"pipeline {info.pipeline.name}" async for info in pipelines if info.pipeline.name in self.names]

    async def _events(self) -> list[tuple[str, str]]:
        """Return reasons and notes of all events."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        found = await asyncio.to_thread(self.kube.request, "GET", path, "listing events")
        return [(each["reason"], each["note"]) for each in found["items"]]

    def _normal(self, value: Any) -> Any:
        """Without moments, ids, and names that differ from run to run."""
        if isinstance(value, dict):
            return {self._normal(key): self._normal(each) for key, each in value.items() if key not in _DIFFERENT}
        if isinstance(value, list):
            return [self._normal(each) for each in value]
        if value == "STANDBY":
            return "RUNNING"  # what an idle pipeline becomes after a while
        if isinstance(value, str):
            for name in self.names:
                value = value.replace(name, f"<{name.rpartition('-')[2]}>")
            value = re.sub(r"//127\.0\.0\.1:\d+/", "//<server>/", value.replace(self.namespace, "<namespace>"))
            return re.sub(r"\b[0-9a-f]{8}([0-9a-f]{24})?\b", "<id>", value)  # messages cut ids to eight
        return value

    @property
    def _path(self) -> str:
        return f"{_SM}/{self.namespace}/scriptmodels/{NAME}"

    async def _objects(self) -> list[Object]:
        """Check that each observed status keeps to the rules."""
        began = time.monotonic()
        found = await asyncio.to_thread(self.kube.list_scriptmodels, self.namespace)
        self.slowest = max(self.slowest, time.monotonic() - began)
        for each in found:
            status, version = each.get("status"), each["metadata"]["resourceVersion"]
            if status and version != self._checked:
                check_status(status, each["metadata"]["generation"])
                self._checked = version
        return found

    async def _post(self, path: str, body: Object) -> None:
        await asyncio.to_thread(self.kube.request, "POST", path, path, body)

    async def _patch(self, spec: Object) -> None:
        await asyncio.to_thread(self.kube.request, "PATCH", self._path, "changing the spec", {"spec": spec}, _MERGE)


def _ready(found: Object, generation: int) -> bool:
    return _condition(found, generation).get("status") == "True"


def _reason(found: Object, generation: int) -> str:
    return str(_condition(found, generation).get("reason"))


def _condition(found: Object, generation: int) -> Object:
    """Ready, of that generation."""
    status = found.get("status") or {}
    if status.get("observedGeneration") != generation:
        return {}
    return next((each for each in status.get("conditions", []) if each["type"] == "Ready"), {})


def _repo(name: str) -> Any:
    return pfs_pb2.Repo(name=name, type="user", project=pfs_pb2.Project(name="default"))


def _pipeline(name: str) -> Any:
    return pps_pb2.Pipeline(project=pfs_pb2.Project(name="default"), name=name)
