"""Find the control plane's binaries (kube-apiserver, etcd, kubectl), or download or build them once for all clones.

`python -m dev.programs.binaries` prints their folder on stdout and its progress on stderr.
"""

import os
import shutil
import sys
from pathlib import Path

from dev.paths import ROOT
from dev.programs import envtest
from dev.programs.gobuild import BuildError, GoProgram, build, print_found

PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
CONTROL_PLANE = GoProgram(
    name="controlplane",
    module=ROOT / "dev" / "programs" / "controlplane",
    requires="k8s.io/kubernetes",
    links=PROGRAMS,
    takes="about 5 minutes on 2 cores",
)
NODE = GoProgram(
    name="node",
    module=ROOT / "dev" / "programs" / "node",
    requires="k8s.io/kubernetes",
    links=("kube-controller-manager", "kube-scheduler", "kubelet"),
    takes="about 3 minutes after the control plane, whose compiled packages it shares",
)


def find_or_build() -> Path:
    """Return a folder that holds every program of the control plane.

    In this order: the folder that KUBEBUILDER_ASSETS names, PATH, an earlier build, a download, a build (some minutes,
    once).
    """
    found = _find()
    if found is None and not CONTROL_PLANE.is_built:
        found = envtest.programs(PROGRAMS)
    return found or build(CONTROL_PLANE, _ldflags(CONTROL_PLANE.version))


def _find() -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        missing = [p for p in PROGRAMS if not os.access(Path(assets) / p, os.X_OK)]
        if missing:
            raise BuildError(
                f"KUBEBUILDER_ASSETS is {assets}, which lacks {', '.join(missing)}; unset it to download or build them"
            )
        return Path(assets)
    on_path = [shutil.which(p) for p in PROGRAMS]
    folders = {Path(found).parent for found in on_path if found}
    # All from one folder: a kubectl or etcd that the machine has for other reasons may be of any version.
    if all(on_path) and len(folders) == 1:
        return folders.pop()
    return None


def node() -> Path:
    """Return a folder that holds what a node needs besides: kubelet, kube-controller-manager and kube-scheduler."""
    return build(NODE, _ldflags(NODE.version))


def _ldflags(version: str) -> tuple[str, ...]:
    major, minor, _ = version.lstrip("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return tuple(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())


if __name__ == "__main__":
    sys.exit(print_found("control plane", find_or_build))
