"""Imitates a node: runs the command of a Job or Pod as a local process, with the pod's rights.

The API server of these tests has no kubelet and no controllers. So the tests look for the object, run its container's
command with a token of its service account, and write the outcome into its status, which helm waits for.
"""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dev.generate.chart import NAMESPACE
from dev.paths import OPERATOR_ENV
from dev.stack import ControlPlane
from tests.chart.conftest import account_kubeconfig
from tests.chart.rendering import Object

T = TypeVar("T")
SECONDS = 60


def until(ask: Callable[[], T | None], what: str, within: float = SECONDS) -> T:
    """Return the first answer that exists."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come in {within:.0f} s")


class Node:
    """The node of one control plane; `root` has what the pods would mount."""

    def __init__(self, control_plane: ControlPlane, root: Path) -> None:
        self._control_plane = control_plane
        self._root = root

    def find(self, kind: str, name: str) -> Object | None:
        done = self._control_plane.kubectl(
            "get", kind, name, "-n", NAMESPACE, "-o", "json", "--ignore-not-found", check=False
        )
        return dict(json.loads(done.stdout)) if done.stdout.strip() else None

    def start(self, spec: Object) -> subprocess.Popen[str]:
        """The one container of a pod."""
        (container,) = spec["containers"]
        kubeconfig = account_kubeconfig(
            self._control_plane, spec["serviceAccountName"], self._root / f"{container['name']}.kubeconfig"
        )
        env = {each["name"]: each["value"] for each in container.get("env", [])}
        return subprocess.Popen(
            [str(OPERATOR_ENV / "bin" / "scriptmodel-operator"), *container["args"]],
            env={**env, "SCRIPTMODEL_KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def job_ended(self, name: str, *, well: bool) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        types = ("SuccessCriteriaMet", "Complete") if well else ("FailureTarget", "Failed")
        conditions = [
            {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now} for kind in types
        ]
        status: dict[str, Any] = {"startTime": now, "conditions": conditions, "succeeded": 1 if well else 0}
        if well:
            status["completionTime"] = now
        self._write_status("job", name, status)

    def pod_ended(self, name: str, *, well: bool) -> None:
        self._write_status("pod", name, {"phase": "Succeeded" if well else "Failed"})

    def _write_status(self, kind: str, name: str, status: Object) -> None:
        patch = json.dumps({"status": status})
        self._control_plane.kubectl(
            "patch", kind, name, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", patch
        )
