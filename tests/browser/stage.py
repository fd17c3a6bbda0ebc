"""What browser tests look at: a control plane, localpach, an operator, objects, and `scriptmodel ui` beside them."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.paths import OPERATOR_ENV, TRAINER_ENV
from dev.processes import free_port
from dev.stack import TRAINER_IMAGE, ControlPlane, Localpach, Operator
from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.login import Credentials, login
from tests.held import epoch_done, held_trainer
from tests.integration.cluster import condition, manifest, prepare
from tests.integration.pachyderm import Pachyderm
from tests.integration.relay import Relay
from tests.integration.texts import play

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> \u202e \"'&"
EPOCHS = 4


@dataclass
class Stage:
    """Everything that runs. Only namespace `live` has an operator, so a status elsewhere stays as it is written."""

    control_plane: ControlPlane
    localpach: Localpach
    folder: Path
    stack: ExitStack
    relay: Relay = field(init=False)
    base: str = ""
    """The address below which all pages are, for browsers that have entered."""

    @property
    def hold(self) -> Path:
        """The file for the expression at which the training stops (tests/held.py)."""
        return self.folder / "hold"

    def address(self) -> str:
        """Return the address that lets the next browser in."""
        return re.findall(r"has entered; the address for another one: (\S+)", (self.folder / "ui.log").read_text())[-1]

    def writer(self, namespace: str, name: str) -> str:
        """Start the trainer's page of a model, and return the address that lets a browser in."""
        command = [str(OPERATOR_ENV / "bin" / "scriptmodel"), "ui", "--no-browser", f"--model={name}"]
        command += [f"--namespace={namespace}"]
        env = {**os.environ, "KUBECONFIG": str(self.control_plane.kubeconfig)}
        env |= {"SCRIPTMODEL_PACHD": self.localpach.address, "SCRIPTMODEL_TRAINER": str(TRAINER_ENV)}
        writing = self.stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True))
        self.stack.callback(writing.send_signal, signal.SIGINT)
        assert writing.stdout
        return next(line for line in writing.stdout if line.startswith("http://")).strip()

    def create(self, *objects: dict[str, Any]) -> None:
        """Create objects with their statuses."""
        client = KubeClient(Credentials(lambda: login(self.control_plane.kubeconfig)))

        def create(found: dict[str, Any]) -> None:
            name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
            path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"
            made = client.request("POST", path, "creating", found)
            if "status" in found:
                body = made | {"status": found["status"]}
                client.request("PUT", f"{path}/{name}/status", "writing the status", body)

        with ThreadPoolExecutor() as threads:
            list(threads.map(create, objects))

    def reason(self, namespace: str, name: str) -> str:
        """Return the reason of an object's condition Ready."""
        found = self.control_plane.kubectl("-n", namespace, "get", "sm", name, "-o", "json").stdout
        return str(condition(json.loads(found)).get("reason"))

    def cut(self) -> None:
        """Take the API server away from `scriptmodel ui`."""
        self.relay.__exit__(None, None, None)

    def restore(self) -> None:
        """Bring it back at its address."""
        port = int(self.relay.address.rpartition(":")[2])
        self.relay = self.stack.enter_context(Relay(self.control_plane.address, port))


def scriptmodel(
    namespace: str, name: str, spec: dict[str, Any], status: dict[str, Any] | None = None
) -> dict[str, Any]:
    found = manifest(name, spec)
    found["metadata"]["namespace"] = namespace
    return found | ({"status": status} if status else {})


def conditions(reason: str, message: str, ready: str) -> list[dict[str, Any]]:
    at = "2026-01-01T00:00:00Z"
    kinds = {"Ready": ready, "Stalled": "False" if ready == "True" else "True"}
    return [
        {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}
        for kind, status in kinds.items()
    ]


@contextmanager
def running(folder: Path) -> Iterator[Stage]:
    """Start everything; a training begins in `live`, and `shown` has what no training would write.

    The training stops where `hold` says, at first after one epoch.
    """
    with ExitStack() as stack:
        control_plane = stack.enter_context(ControlPlane(folder / "control-plane"))
        prepare(control_plane)
        trainer = held_trainer(folder / "trainer", TRAINER_ENV, folder / "hold")
        images = {TRAINER_IMAGE: trainer, "environment": TRAINER_ENV}  # jobs see those of /tmp alone
        localpach = stack.enter_context(Localpach(folder / "localpach", images))
        stage = Stage(control_plane, localpach, folder, stack)
        stage.hold.write_text(epoch_done(1))
        for namespace in ("live", "shown"):
            control_plane.kubectl("create", "namespace", namespace)
        options = ["--poll-interval=0.5", "--namespace=live"]
        stack.enter_context(Operator(folder, control_plane.kubeconfig, localpach.address, options=options))
        with Pachyderm(localpach.address, namespace="live") as pachyderm:
            corpus = {"repo": {"name": pachyderm.corpus({"/play.txt": play()})}}
            repo = pachyderm.corpus({"/new_script.txt": HOSTILE})
            script = f"default/{repo}@{pachyderm.head(repo)}"
        model = {"preset": "test", "overrides": {"epochs": EPOCHS}}
        generation = {"words": 60, "samples": 2}
        status = {
            "conditions": conditions("Generated", HOSTILE, "True"),
            "observedGeneration": 1,
            "lineage": {"script": script},
            "script": {"path": "/new_script.txt", "sizeBytes": len(HOSTILE.encode()), "excerpt": HOSTILE},
        }
        stage.create(
            scriptmodel("live", "hamlet", {"corpus": corpus, "model": model, "generation": generation}),
            scriptmodel("shown", "long", {"corpus": corpus, "generation": {"prompt": HOSTILE}}, status),
        )
        stage.relay = stack.enter_context(Relay(control_plane.address, free_port()))
        config = json.loads(control_plane.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://{stage.relay.address}"
        kubeconfig = folder / "relayed.kubeconfig"
        kubeconfig.write_text(json.dumps(config))
        command = [str(OPERATOR_ENV / "bin" / "scriptmodel"), "ui", "--no-browser"]
        env = {**os.environ, "KUBECONFIG": str(kubeconfig), "SCRIPTMODEL_PACHD": localpach.address}
        log = stack.enter_context((folder / "ui.log").open("w"))
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        stack.callback(end, process)
        assert process.stdout
        first = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?code=\S+", first), (folder / "ui.log").read_text()
        with urllib.request.urlopen(first) as entered:  # noqa: S310 - http
            stage.base = first.partition("/?")[0] + entered.headers["Refresh"].removeprefix("0; url=")
        yield stage
        assert "Traceback" not in (folder / "ui.log").read_text()


def end(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C, which ends it in order."""
    process.send_signal(2)
    assert process.wait(60) == 0
