"""A cluster for tests: the calls that localpach makes, and a Job controller and kubelet that run pods as processes."""

from __future__ import annotations

import base64
import copy
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from kubernetes.client.exceptions import ApiException

from localpach.pods import steps

Object = dict[str, Any]
POLL_SECONDS = 0.02


class Cluster:
    """Objects by kind and name, and the processes of pods."""

    namespace = "workers"

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {"jobs": {}, "pods": {}, "secrets": {}}
        self.created: list[Object] = []
        self.unschedulable = ""
        self.refuses = ""
        self.away = threading.Event()
        self._changed = threading.Condition()
        self._version = 0
        self._history: list[tuple[int, str, Object]] = []
        self._lines: dict[str, list[str]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    # The calls of localpach.

    def create_job(self, manifest: Object) -> Object:
        self._answer()
        if self.refuses:
            raise _error(422, self.refuses)
        job = copy.deepcopy(manifest)
        job["metadata"]["uid"] = f"uid-{job['metadata']['name']}"
        self.created.append(job)
        self._put("jobs", job)
        return job

    def create_secret(self, manifest: Object) -> None:
        self._answer()
        self.objects["secrets"][manifest["metadata"]["name"]] = manifest

    def start_job(self, name: str) -> None:
        self._answer()
        job = copy.deepcopy(self.objects["jobs"][name])
        job["spec"]["suspend"] = False
        self._put("jobs", job)
        threading.Thread(target=self._run, args=(name,), daemon=True).start()

    def delete_job(self, name: str) -> None:
        self._answer()
        self._kill(name)
        self.objects["secrets"].pop(name, None)
        for kind in ("pods", "jobs"):
            self._remove(kind, name)

    def list_objects(self, kind: str, _selector: str) -> Object:
        self._answer()
        with self._changed:
            items = copy.deepcopy(list(self.objects[kind].values()))
            return {"metadata": {"resourceVersion": str(self._version)}, "items": items}

    def watch(self, kind: str, _selector: str, version: str) -> Iterator[Object]:
        self._answer()
        seen = int(version)
        while not self.away.is_set():
            with self._changed:
                self._changed.wait(1.0)
                changes = [each for each in self._history if each[0] > seen]
            for number, of, change in changes:
                seen = number
                if of == kind:
                    yield change

    def refused_pods(self) -> dict[str, str]:
        self._answer()
        return {}

    def follow_log(self, pod: str, container: str, since: str) -> Iterator[bytes]:
        assert container == "user"
        position = 0
        while not self.away.is_set():
            lines = self._lines[pod]
            for line in lines[position:]:
                position += 1
                if line[:19] >= since[:19]:
                    yield line.encode()
            if self.state(pod).get("terminated") and position == len(self._lines[pod]):
                return
            time.sleep(POLL_SECONDS)
        raise ConnectionResetError("the API server is away")

    # What tests do and see.

    def state(self, pod: str) -> Object:
        """Return the state of the command's container."""
        found = self.objects["pods"].get(pod, {}).get("status", {}).get("initContainerStatuses", [])
        return next((each["state"] for each in found if each["name"] == "user"), {})

    def disrupt(self, name: str) -> None:
        """End a pod as a drain of its node does."""
        self._kill(name)
        self._fail(name, "PodFailurePolicy", "Pod has condition DisruptionTarget matching FailJob rule at index 0")

    def _answer(self) -> None:
        if self.away.is_set():
            raise ConnectionRefusedError("the API server is away")

    def _put(self, kind: str, changed: Object) -> None:
        with self._changed:
            name = changed["metadata"]["name"]
            event = "MODIFIED" if name in self.objects[kind] else "ADDED"
            self.objects[kind][name] = changed
            self._record(kind, event, changed)

    def _remove(self, kind: str, name: str) -> None:
        with self._changed:
            gone = self.objects[kind].pop(name, None)
            if gone is not None:
                self._record(kind, "DELETED", gone)

    def _record(self, kind: str, event: str, changed: Object) -> None:
        self._version += 1
        self._history.append((self._version, kind, {"type": event, "object": copy.deepcopy(changed)}))
        self._changed.notify_all()

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()

    # The kubelet.

    def _run(self, name: str) -> None:
        spec = self.objects["jobs"][name]["spec"]["template"]["spec"]
        pod: Object = {
            "metadata": {
                "name": name,
                "labels": {"batch.kubernetes.io/job-name": name},
                "creationTimestamp": _now(),
            },
            "status": {"conditions": [], "initContainerStatuses": [], "containerStatuses": []},
        }
        self._lines[name] = []
        self._show(pod)
        while self.unschedulable:
            pod["status"]["conditions"] = [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": self.unschedulable}
            ]
            self._show(pod)
            time.sleep(POLL_SECONDS)
        pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
        folder = Path(tempfile.mkdtemp(prefix="pod-"))
        try:
            self._containers(name, pod, spec, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _containers(self, name: str, pod: Object, spec: Object, pfs: Path) -> None:
        token = base64.b64decode(self.objects["secrets"][name]["data"]["token"]).decode()
        fetch, command = spec["initContainers"]
        upload = spec["containers"][0]
        address = fetch["env"][0]["value"]
        for container, step in ((fetch, steps.fetch), (command, None), (upload, steps.upload)):
            kind = "containerStatuses" if container is upload else "initContainerStatuses"
            status = {"name": container["name"], "state": {"running": {"startedAt": _now()}}}
            pod["status"][kind].append(status)
            self._show(pod)
            code, message = self._command(name, command, pfs) if step is None else _step(step, address, token, pfs)
            started = status["state"]["running"]["startedAt"]
            status["state"] = {
                "terminated": {"exitCode": code, "message": message, "startedAt": started, "finishedAt": _now()}
            }
            self._show(pod)
            if code:
                self._fail(name, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
                return

    def _command(self, name: str, container: Object, pfs: Path) -> tuple[int, str]:
        variables = {"PATH": "/usr/bin:/bin"}
        for each in container["env"]:
            variables[each["name"]] = _expanded(each["value"], variables).replace("/pfs", str(pfs))
        words = [_expanded(word, variables).replace("/pfs", str(pfs)) for word in container["command"]]
        process = subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._processes[name] = process
        assert process.stdout is not None
        for line in process.stdout:
            self._lines[name].append(f"{_now()} {line.decode().rstrip()}")
        status = process.wait()
        return (128 - status if status < 0 else status), ""

    def _show(self, pod: Object) -> None:
        if pod["metadata"]["name"] in self.objects["jobs"]:
            self._put("pods", copy.deepcopy(pod))

    def _fail(self, name: str, reason: str, message: str) -> None:
        job = self.objects["jobs"].get(name)
        if job is not None and "status" not in job:
            condition = {"type": "Failed", "status": "True", "reason": reason, "message": message}
            self._put("jobs", {**job, "status": {"conditions": [condition]}})


def _step(step: Any, address: str, token: str, pfs: Path) -> tuple[int, str]:
    """Run a step until the server answers, as `localpach.pods.steps` does."""
    while True:
        try:
            with grpc.insecure_channel(address) as channel:
                step(channel, token, pfs)
                return 0, ""
        except grpc.RpcError as error:
            if error.code() not in steps.TEMPORARY:
                return 1, str(error.details())
            time.sleep(POLL_SECONDS)
        except steps.StepError as error:
            return 1, str(error)


def _error(status: int, message: str) -> ApiException:
    error = ApiException(status=status, reason="Unprocessable Entity")
    error.body = json.dumps({"message": message})
    return error


def _expanded(value: str, variables: Mapping[str, str]) -> str:
    """Expand a value as Kubernetes does (third_party/forked/golang/expansion): `$(NAME)`, and `$$` to `$`."""
    return re.sub(
        r"\$(?:\$|\(([^)]*)\))", lambda each: "$" if each[0] == "$$" else variables.get(each[1], each[0]), value
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
