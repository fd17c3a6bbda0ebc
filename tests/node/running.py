"""The cluster that `make cluster` started, driven with kubectl."""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dev.paths import OPERATOR_ENV
from dev.programs.built import find_or_build
from tests.integration.cluster import Cluster, is_ready

Object = dict[str, Any]


class CommandFailedError(AssertionError):
    """A command failed; the message is its output."""


def run(*command: str, stdin: str | None = None, check: bool = True, env: dict[str, str] | None = None) -> str:
    """Run a command and return its stdout and, unless `check`, its stderr."""
    whole = {**os.environ, **(env or {})}
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=whole)
    if check and done.returncode:
        raise CommandFailedError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout if check else done.stdout + done.stderr


@dataclass(frozen=True)
class Running:
    """The whole cluster, as its administrator."""

    kubeconfig: Path

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        program = str(find_or_build() / "kubectl")
        return run(program, f"--kubeconfig={self.kubeconfig}", *words, stdin=stdin, check=check)

    def get(self, *words: str) -> Object:
        found: Object = json.loads(self.kubectl("get", *words, "--output=json"))
        return found

    def names(self, kind: str, *words: str) -> list[str]:
        return self.kubectl("get", kind, *words, "--output=name", "--ignore-not-found").split()

    def apply(self, *objects: Object) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--filename=-", stdin=json.dumps(listed))

    def until(self, what: str, holds: Callable[[], Any], within: float = 120) -> Any:
        """Poll, the less often the longer it takes, until `holds` is true and return its value."""
        started = time.monotonic()
        while not (found := holds()):
            waited = time.monotonic() - started
            assert waited < within, f"not in {within:.0f} s: {what}\n{self.kubectl('get', 'pods', '-A')}"
            time.sleep(0.5 + waited / 20)
        return found


@dataclass(frozen=True)
class Person:
    """Whoever has a kubeconfig and the program, outside of the cluster, with the variables that the engine needs."""

    kubeconfig: Path
    namespace: str
    env: Mapping[str, str] = field(default_factory=dict)

    def scriptmodel(self, *words: str) -> str:
        path = f"{find_or_build()}:{os.environ['PATH']}"  # with kubectl
        env = {"KUBECONFIG": str(self.kubeconfig), "PATH": path, **self.env}
        return run(str(OPERATOR_ENV / "bin" / "scriptmodel"), *words, f"--namespace={self.namespace}", env=env)

    def push(self, files: Mapping[str, str], repo: str = "") -> str:
        """Push files to a repo, by default to a new one; return its name."""
        repo = repo or f"plays-{uuid.uuid4().hex[:8]}"
        with TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text)
            self.scriptmodel("push", folder, f"--repo={repo}", "--create")
        return repo


class Namespace(Cluster):
    """A namespace of it, as a person with ScriptModels uses it."""

    def __init__(self, running: Running, namespace: str) -> None:
        self.running = running
        self.namespace = namespace

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        return self.running.kubectl(f"--namespace={self.namespace}", *args, stdin=stdin, check=check)

    def get(self, name: str) -> Object:
        return self.running.get("scriptmodel", name, f"--namespace={self.namespace}")

    def looked_at_anew(self, name: str, stamp: str) -> Object:
        """Request a reconcile and return the object after an operator has handled it."""
        self.kubectl("annotate", "scriptmodel", name, f"scriptmodel.dev/reconcile-at={stamp}", "--overwrite")
        return self.wait_for(name, lambda o: o["status"].get("lastHandledReconcileAt") == stamp and is_ready(o), 120)


def lasting(found: Object) -> Object:
    """Return the part of a status that is constant while nothing is trained or written; a pipeline's state varies."""
    parts = {part: found["status"][part] for part in ("conditions", "lineage", "script", "training")}
    return parts | {"pipelines": [(each["name"], each["version"]) for each in found["status"]["pipelines"]]}
