"""Drives Kubernetes as a person would, with kubectl, but for what happens often: each start of kubectl costs 0.1 s."""

import json
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dev.stack import ControlPlane, Operator
from scriptmodel_operator.api.identity import RECONCILE_AT
from tests.chart.rendering import RELEASE, Values, objects, only
from tests.unit.operator.conformance import check_status

Object = dict[str, Any]
MANIFESTS = Path("manifests")
SCRIPTMODELS = "/apis/scriptmodel.dev/v1alpha1/namespaces/{}/scriptmodels"
QUICK_TRAINER = Path("tests/chaos/trainer")
"""A trainer that learns nothing, for tests whose subject is what the operator does."""
QUICK_IMAGE, HELD_IMAGE = "quick-trainer:dev", "held-trainer:dev"
"""That trainer and the real one in the shared localpach; both stop where the fixture `hold` says."""


class Cluster:
    """One namespace."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.control_plane = control_plane
        self.namespace = namespace

    @classmethod
    def create(cls, control_plane: ControlPlane, prefix: str = "test") -> Self:
        """Create a namespace with a new name, since a failed test runs once more."""
        namespace = f"{prefix}-{uuid.uuid4().hex[:8]}"
        created = control_plane.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        assert created["kind"] == "Namespace", created
        return cls(control_plane, namespace)

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        done = self.control_plane.kubectl("-n", self.namespace, *args, stdin=stdin, check=check)
        return done.stdout + (done.stderr if not check else "")

    def apply(self, name: str, spec: Object, annotations: dict[str, str] | None = None) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest(name, spec, annotations)))

    def submit(self, name: str, spec: Object) -> Object:
        """Return what the API server answers to a new ScriptModel that it does not store: the object, or a Status."""
        path = SCRIPTMODELS.format(self.namespace) + "?dryRun=All&fieldValidation=Strict"  # as kubectl asks for
        return self.control_plane.api.post(path, manifest(name, spec))

    def get(self, name: str) -> Object:
        found = self.control_plane.api.get(f"{SCRIPTMODELS.format(self.namespace)}/{name}")
        found["metadata"].pop("managedFields", None)
        return found

    def ready(self, name: str, within: float = 180) -> Object:
        """The object once Ready is True for its newest generation."""
        return self.wait_for(name, is_ready, within)

    def reason(self, name: str, reason: str, within: float = 90) -> Object:
        """The object once Ready is False with that reason for its newest generation."""
        return self.wait_for(name, lambda each: up_to_date(each) and condition(each).get("reason") == reason, within)

    def wait_for(self, name: str, holds: Callable[[Object], bool], within: float) -> Object:
        """Poll until `holds` is true; the error shows the last status."""
        found: Object = {}

        def came() -> bool:
            nonlocal found
            found = self.get(name)
            return holds(found)

        until(lambda: f"{name} gets there: {json.dumps(found.get('status'), indent=1)}", came, within)
        return found

    def reconcile(self, name: str, within: float = 120) -> Object:
        """Request a check of an object, as `scriptmodel reconcile` does, and return the object that has handled it."""
        requested = self.request(name)
        return self.wait_for(name, lambda found: handled(found, requested), within)

    def request(self, name: str) -> str:
        """Request a check of an object; return what its status names once it is handled."""
        requested = uuid.uuid4().hex
        self.kubectl("annotate", "sm", name, f"{RECONCILE_AT}={requested}", "--overwrite")
        return requested

    def delete(self, name: str) -> None:
        """Delete a ScriptModel and wait until it is gone."""
        self.kubectl("delete", "sm", name, "--wait=false")
        self.gone(name)

    def gone(self, name: str, within: float = 120) -> None:
        self.kubectl("wait", "--for=delete", f"scriptmodel/{name}", f"--timeout={within:.0f}s")


def until(what: str | Callable[[], str], holds: Callable[[], bool], within: float = 240) -> None:
    """Wait until it holds; `what` says for the error what did not come."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.2)


@contextmanager
def paused(operator: Operator) -> Iterator[None]:
    """Keep the operator that tests share from the objects of a test that runs one of its own."""
    operator.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        operator.signal(signal.SIGCONT)


class StatusWatch:
    """`kubectl get -w` in its own process; `check` validates every observed status.

    The server ends a watch when the definition changes: another process follows then.
    """

    def __init__(self, control_plane: ControlPlane) -> None:
        command = ["get", "scriptmodels", "-A", "-w", "-o", "json", "--show-managed-fields"]
        self._command = [str(control_plane.kubectl_program), f"--kubeconfig={control_plane.kubeconfig}", *command]
        self._process = self._start()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._seen: list[Object] = []
        self.checked = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def _run(self) -> None:
        while True:
            self._read(self._process)
            self._process.wait()
            self._stopped.wait(0.2)
            with self._lock:
                if self._stopped.is_set():
                    return
                self._process = self._start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        decoder = json.JSONDecoder()
        text = ""
        for line in process.stdout:
            text += line
            if not line.startswith("}"):
                continue
            found, _end = decoder.raw_decode(text.lstrip())
            text = ""
            with self._lock:
                self._seen.append(found)

    def check(self) -> None:
        with self._lock:
            seen, self._seen = self._seen, []
        for each in seen:
            if _written_by_the_operator(each):
                check_status(each["status"], each["metadata"]["generation"])
                self.checked += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._stopped.set()
            self._process.terminate()
        self._thread.join(timeout=20)
        if error is None:
            self.check()


def _written_by_the_operator(found: Object) -> bool:
    """Ignore the statuses that a test writes itself."""
    managers = {
        entry["manager"] for entry in found["metadata"].get("managedFields", ()) if entry.get("subresource") == "status"
    }
    return managers == {"scriptmodel-operator"}


def prepare(control_plane: ControlPlane) -> None:
    """The CRD, and the operator's account with its rights in all namespaces."""
    files = [f"--filename={MANIFESTS / name}.yaml" for name in ("namespace", "crd")]
    control_plane.kubectl("apply", "--server-side", *files)
    installed(control_plane, {"watchAllNamespaces": True})
    control_plane.wait_for_definitions()


def installed(control_plane: ControlPlane, values: Values, release: str = RELEASE) -> Path:
    """Make the operator's account of a release, with the rights that the chart gives it; return its kubeconfig."""
    found = objects(values, release)
    account = release if release == RELEASE else f"{release}-{RELEASE}"
    rights = [each for each in found if each["apiVersion"].startswith("rbac.")]
    for each in (only("ServiceAccount", found, account), *rights):
        control_plane.kubectl("apply", "--filename=-", stdin=json.dumps(each))
    return account_kubeconfig(control_plane, release, account=account)


def account_kubeconfig(
    control_plane: ControlPlane, name: str, server: str = "", account: str = "scriptmodel-operator"
) -> Path:
    """Return a kubeconfig with a new token of an account; `server`, HOST:PORT, is a proxy in front of the real one."""
    token = control_plane.kubectl("create", "token", account, "-n", "scriptmodel-system", "--duration=2h").stdout
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token.strip()}
    if server:
        config["clusters"][0]["cluster"]["server"] = f"https://{server}"
    path = control_plane.root / f"{name}.kubeconfig"
    path.write_text(json.dumps(config))
    return path


def manifest(name: str, spec: Object, annotations: dict[str, str] | None = None) -> Object:
    return {
        "apiVersion": "scriptmodel.dev/v1alpha1",
        "kind": "ScriptModel",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": spec,
    }


def handled(found: Object, requested: str) -> bool:
    return bool(found["status"].get("lastHandledReconcileAt") == requested)


def condition(found: Object, kind: str = "Ready") -> Object:
    conditions = found.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def up_to_date(found: Object) -> bool:
    return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])


def is_ready(found: Object) -> bool:
    return up_to_date(found) and condition(found).get("status") == "True"
