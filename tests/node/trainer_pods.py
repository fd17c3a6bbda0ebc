"""Pods that run a pipeline's own command in the trainer's image, with a /pfs that is laid by hand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.node.running import Object, Running

NAME = "trainer"
UID = 65532


@dataclass(frozen=True)
class Folders:
    """A folder of the node that is mounted below /pfs and writable for the image's user."""

    corpus: Path
    model: Path
    script: Path

    @classmethod
    def lay(cls, root: Path, corpus: dict[str, str]) -> Self:
        found = cls(root / "corpus", root / "model", root / "script")
        for folder in (found.corpus, found.model, found.script):
            folder.mkdir()
            os.chown(folder, UID, UID)
        for parent in (root, *root.parents[:2]):  # a test's folder is for its user alone
            parent.chmod(0o755)
        for name, text in corpus.items():
            (found.corpus / name).write_text(text)
        return found


def pod(details: Any, **pfs: Path) -> Object:
    """A pod with the image, command and GPU of a pipeline; `pfs` are its folders below /pfs."""
    limits = {details.resource_limits.gpu.type: str(details.resource_limits.gpu.number)}
    container = {
        "name": "user",
        "image": details.transform.image,
        "command": list(details.transform.cmd),
        "resources": {"limits": limits if details.resource_limits.gpu.number else {}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            *({"name": name, "mountPath": f"/pfs/{name}", "readOnly": name != "out"} for name in pfs),
        ],
    }
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    volumes += [{"name": name, "hostPath": {"path": str(path), "type": "Directory"}} for name, path in pfs.items()]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": volumes,
        },
    }


def succeed(cluster: Running, expected: Object) -> None:
    """Run it to its end."""
    cluster.kubectl("delete", "pod", NAME, "--ignore-not-found")
    cluster.apply(expected)
    wait(cluster)


def wait(cluster: Running) -> None:
    """Until the pod has succeeded; AssertionError with its log if it fails."""

    def phase() -> str:
        found = str(cluster.get(f"pod/{NAME}")["status"].get("phase", ""))
        return found if found in {"Succeeded", "Failed"} else ""

    ended = cluster.until("the trainer's pod ends", phase, 300)
    assert ended == "Succeeded", cluster.kubectl("logs", f"pod/{NAME}", check=False)
