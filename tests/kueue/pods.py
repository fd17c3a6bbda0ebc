"""A cluster that runs the pods of Jobs as processes: Kubernetes' own Job controller and scheduler, and a small kubelet.

The kubelet starts the real trainer with the document of the pod's Secret, sends it SIGTERM once the pod is deleted,
and writes what a kubelet does into the pod's status.
"""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.paths import TRAINER_ENV
from dev.processes import Program
from dev.programs.binaries import node
from dev.stack import ControlPlane

Object = dict[str, Any]
NODE = "node-1"
_PODS = "/api/v1/namespaces/{}/pods"
_CONTROLLERS = "job-controller,garbage-collector-controller,namespace-controller,ttl-after-finished-controller"


@dataclass
class Started:
    process: subprocess.Popen[bytes]
    at: str
    folder: Path


@dataclass
class Kubelet(threading.Thread):
    """Runs the pods of one namespace until `stop` is set."""

    control_plane: ControlPlane
    namespace: str
    folder: Path
    pods: dict[str, Started] = field(default_factory=dict)
    """By uid."""
    signalled: list[str] = field(default_factory=list)
    """The names of pods that had to end, in order."""
    error: Exception | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        try:
            while not self.stop.wait(0.5):
                for pod in self.control_plane.api.get(_PODS.format(self.namespace))["items"]:
                    if pod["spec"].get("nodeName"):
                        self._step(pod)
        except Exception as error:  # the test reports it
            self.error = error
        finally:
            for started in self.pods.values():
                started.process.kill()
                started.process.wait()

    def _step(self, pod: Object) -> None:
        uid, name, deleted = pod["metadata"]["uid"], pod["metadata"]["name"], "deletionTimestamp" in pod["metadata"]
        started = self.pods.get(uid)
        if started is None and not deleted:
            started = self.pods[uid] = self._launched(pod)
            self._report(pod, "Running", {"running": {"startedAt": started.at}})
        elif started is not None and pod["status"]["phase"] not in ("Succeeded", "Failed"):
            if deleted and started.process.poll() is None:
                self.signalled.append(name)
                started.process.send_signal(signal.SIGTERM)
                started.process.wait(60)
            if started.process.poll() is not None:
                self._report(pod, "Failed" if started.process.returncode else "Succeeded", _terminated(started))
        if deleted and (started is None or started.process.poll() is not None):
            self.control_plane.kubectl(
                "delete", "pod", name, "-n", self.namespace, "--grace-period=0", "--force", check=False
            )

    def _launched(self, pod: Object) -> Started:
        folder = self.folder / pod["metadata"]["uid"]
        folder.mkdir()
        secret = pod["spec"]["volumes"][0]["secret"]["secretName"]
        found = self.control_plane.api.get(f"/api/v1/namespaces/{self.namespace}/secrets/{secret}")
        (folder / "job.json").write_bytes(base64.b64decode(found["data"]["job.json"]))
        places = {"PFS_ROOT": "pfs", "SCRIPTMODEL_STATE_DIR": "state", "SCRIPTMODEL_TERMINATION_LOG": "end"}
        env = {**os.environ, **{name: str(folder / place) for name, place in places.items()}}
        command = [str(TRAINER_ENV / "bin" / "scriptmodel-trainer"), "job", str(folder / "job.json")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        return Started(process, _now(), folder)

    def _report(self, pod: Object, phase: str, state: Object) -> None:
        (container,) = pod["spec"]["containers"]
        about = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        ready = {"type": "Ready", "status": "True" if phase == "Running" else "False"}
        statuses = [{**about, "ready": phase == "Running", "state": state}]
        status = {"phase": phase, "startTime": _now(), "conditions": [ready], "containerStatuses": statuses}
        where = ("pod", pod["metadata"]["name"], "-n", self.namespace, "--subresource=status", "--type=merge")
        self.control_plane.kubectl("patch", *where, "-p", json.dumps({"status": status}), check=False)


def _terminated(started: Started) -> Object:
    code, end = started.process.returncode, started.folder / "end"
    message = end.read_text() if end.exists() else ""
    ended = {"exitCode": code if code >= 0 else 128 - code, "reason": "Error" if code else "Completed"}
    return {"terminated": {**ended, "startedAt": started.at, "finishedAt": _now(), "message": message}}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@contextmanager
def controllers(control_plane: ControlPlane, root: Path) -> Iterator[None]:
    """Kubernetes' Job controller and scheduler, and a node without a kubelet that is ready."""
    programs, config = node(), f"--kubeconfig={control_plane.kubeconfig}"
    options = {
        "kube-controller-manager": [f"--controllers={_CONTROLLERS}"],
        "kube-scheduler": [],
    }
    with ExitStack() as stack:
        for name, own in options.items():
            command = [str(programs / name), config, "--leader-elect=false", "--secure-port=0", *own]
            running = Program(name, command, root / f"{name}.log")
            stack.callback(running.stop)
            running.start()
        made = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(made))
        room = {"cpu": "8", "memory": "32Gi", "pods": "50"}
        status = {"capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]}
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        control_plane.kubectl("patch", "node", NODE, *patch)
        control_plane.kubectl("taint", "node", NODE, "node.kubernetes.io/not-ready-", check=False)
        yield


@contextmanager
def kubelet(control_plane: ControlPlane, namespace: str, folder: Path) -> Iterator[Kubelet]:
    running = Kubelet(control_plane, namespace, folder)
    running.start()
    try:
        yield running
    finally:
        running.stop.set()
        with suppress(RuntimeError):
            running.join(90)
        if running.error:
            raise running.error
