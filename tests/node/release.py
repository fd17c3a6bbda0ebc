"""The chart as a release: installs, upgrades and uninstalls it with helm."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from dev.paths import ROOT
from dev.programs.built import helm
from tests.node.running import CommandFailedError, Object, Running, run

CHART = ROOT / "charts" / "scriptmodel-operator"
NAME = "scriptmodel"
NAMESPACE = "scriptmodel-system"
ACCESS = "pachd-access"
"""The Secret with the token for a pachd with auth."""
PODS = f"--selector=app.kubernetes.io/instance={NAME},app.kubernetes.io/component=operator"


def chart_of(version: str, folder: Path, chart: Path = CHART) -> Path:
    """Return a copy of a chart with that version, for images of that version."""
    target = folder / f"chart-{version}"
    shutil.copytree(chart, target, dirs_exist_ok=True)
    about = target / "Chart.yaml"
    text = re.sub(r"(?m)^version:.*$", f"version: {version}", about.read_text())
    about.write_text(re.sub(r"(?m)^appVersion:.*$", f'appVersion: "{version}"', text))
    return target


class Release:
    """One release in the namespace of the operator, which enforces the Pod Security Standard `restricted`."""

    def __init__(self, cluster: Running, engine: Object, token: str = "") -> None:
        """`engine` are its values; with a token for pachd, the release reads it from a Secret."""
        self.cluster = cluster
        self.token = token
        self.values = {**engine, "pollInterval": 1, "watchNamespaces": ["plays"]}
        if token:
            self.values["pachd"] = {**engine["pachd"], "secret": {"name": ACCESS, "tokenKey": "token"}}

    def deploy(self, chart: Path, **values: Any) -> None:
        """Install or upgrade the release, and wait until every pod is ready."""
        self.cluster.kubectl("apply", f"--filename={ROOT / 'manifests' / 'namespace.yaml'}")
        if self.token:
            about = {"name": ACCESS, "namespace": NAMESPACE}
            data = {"token": self.token}
            self.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": data})
        given = self.values | values
        for namespace in given["watchNamespaces"]:  # which gets a Role
            self.cluster.kubectl("create", "namespace", namespace, check=False)
        upgrade = ["upgrade", "--install", NAME, str(chart), "--values=-", "--wait", "--timeout=5m"]
        try:
            self.helm(*upgrade, stdin=json.dumps(given))
        except CommandFailedError as error:
            where = f"--namespace={NAMESPACE}"
            error.add_note(self.cluster.kubectl("get", "pods", where, "--output=wide", check=False))
            error.add_note(self.cluster.kubectl("logs", where, PODS, "--tail=20", check=False))
            raise

    def helm(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        whole = [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={NAMESPACE}"]
        return run(str(helm()), *words, *whole, stdin=stdin, check=check)

    def pods(self) -> list[Object]:
        """The operator's own, not those that are ending."""
        found = self.cluster.get("pods", f"--namespace={NAMESPACE}", PODS)["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def ready(self) -> list[Object]:
        """Those of its pods that are ready."""
        return [pod for pod in self.pods() if _condition(pod, "Ready") == "True"]

    def is_whole(self) -> bool:
        """Return whether both of its pods are ready, and no other one is left."""
        return len(self.ready()) == len(self.pods()) == 2

    def images(self) -> set[str]:
        return {container["image"] for pod in self.pods() for container in pod["spec"]["containers"]}

    def leftovers(self) -> list[str]:
        """Every object in the cluster that carries the release's label."""
        kinds = self.cluster.kubectl("api-resources", "--verbs=list", "--output=name").split()
        ours = f"--selector=app.kubernetes.io/instance={NAME}"
        listed = self.cluster.names(",".join(k for k in kinds if k != "events"), "--all-namespaces", ours)
        return sorted(name for name in set(listed) if not name.startswith("event"))


def _condition(pod: Object, kind: str) -> str:
    conditions = pod["status"].get("conditions", [])
    return next((str(c["status"]) for c in conditions if c["type"] == kind), "")
