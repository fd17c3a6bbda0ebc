"""The programs that are built from Go modules: the control plane, a node's, helm, the S3 server and others.

`python -m dev.programs.built NAME...` finds, downloads or builds them once for all clones, prints their paths on stdout
and its progress on stderr.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from dev.paths import ROOT
from dev.programs import envtest
from dev.programs.gobuild import BuildError, GoProgram, build, linked_modules, say

_MODULES = ROOT / "dev" / "programs"
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
CONTROL_PLANE = GoProgram(
    name="controlplane",
    module=_MODULES / "controlplane",
    requires="k8s.io/kubernetes",
    links=PROGRAMS,
    takes="about 5 minutes on 2 cores",
)
NODE = GoProgram(
    name="node",
    module=_MODULES / "node",
    requires="k8s.io/kubernetes",
    links=("kube-controller-manager", "kube-scheduler", "kubelet"),
    takes="about 3 minutes after the control plane, whose compiled packages it shares",
)
PROMQL = GoProgram(name="promql", module=_MODULES / "promql", requires="github.com/prometheus/prometheus")


def _command(module: str, requires: str, package: str, takes: str, *, released: bool = False) -> GoProgram:
    whole = f"{requires}/{package}"
    return GoProgram(Path(package).name, _MODULES / module, requires, whole, takes=takes, released=released)


HELM = _command("helm", "helm.sh/helm/v3", "cmd/helm", "a minute or two after the control plane")
KUEUE = _command("kueue", "sigs.k8s.io/kueue", "cmd/kueue", "about 9 minutes on 2 cores")
VERSITYGW = _command("s3", "github.com/versity/versitygw", "cmd/versitygw", "two or three minutes")
ACTIONLINT = _command("actionlint", "github.com/rhysd/actionlint", "cmd/actionlint", "half a minute")
RELEASE = {
    program.name: (program, variable)
    for program, variable in (
        (
            # It compresses layers.
            _command("release", "github.com/google/go-containerregistry", "cmd/crane", "some minutes", released=True),
            "github.com/google/go-containerregistry/cmd/crane/cmd.Version",
        ),
        (_command("release", "oras.land/oras", "cmd/oras", "some minutes"), "oras.land/oras/internal/version.Version"),
        (_command("release", "github.com/anchore/syft", "cmd/syft", "some minutes"), "main.version"),
        (
            _command("release", "github.com/sigstore/cosign/v3", "cmd/cosign", "some minutes"),
            "sigs.k8s.io/release-utils/version.gitVersion",
        ),
    )
}
"""Images, OCI layouts and referrers, SBOMs, signatures; and where the linker writes the version of each."""


def find_or_build() -> Path:
    """Return a folder that holds every program of the control plane.

    In this order: the folder that KUBEBUILDER_ASSETS names, an earlier build, a download, a build (some minutes, once).
    """
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        if missing := [name for name in PROGRAMS if not os.access(Path(assets) / name, os.X_OK)]:
            raise BuildError(
                f"KUBEBUILDER_ASSETS is {assets}, which lacks {', '.join(missing)}; unset it to download or build them"
            )
        return Path(assets)
    downloaded = None if CONTROL_PLANE.is_built else envtest.programs(PROGRAMS)
    return downloaded or build(CONTROL_PLANE, _ldflags(CONTROL_PLANE.version))


def node() -> Path:
    """Return a folder that holds what a node needs besides: kubelet, kube-controller-manager and kube-scheduler."""
    return build(NODE, _ldflags(NODE.version))


def _ldflags(version: str) -> tuple[str, ...]:
    major, minor, _ = version.lstrip("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return tuple(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())


def helm() -> Path:
    """Return helm. One that the machine has is not taken: it may render otherwise, or not know our hooks."""
    _, major, minor, *_ = CONTROL_PLANE.version.replace("v", ".").split(".")
    # The Kubernetes version that it renders for without a cluster; the default would be 1.20.
    kubernetes = [
        f"-X helm.sh/helm/v3/{package}.k8sVersion{part}={number}"
        for package in ("pkg/chartutil", "pkg/lint/rules")
        for part, number in (("Major", major), ("Minor", minor))
    ]
    return build(HELM, (f"-X helm.sh/helm/v3/internal/version.version={HELM.version}", *kubernetes)) / HELM.name


def promql() -> Path:
    """Return the program of dev/programs/promql, which evaluates alerts and queries with Prometheus' own code."""
    return build(PROMQL) / PROMQL.name


def versitygw(architecture: str = "") -> Path:
    """Return the S3 server, statically linked: this machine's, or the one that a release has for an architecture."""
    program = replace(VERSITYGW, architecture=architecture, released=bool(architecture))
    return build(program, (f"-X main.Version={program.version}",)) / program.name


def kueue() -> Path:
    """Return Kueue, for the test of its queues."""
    return build(KUEUE) / KUEUE.name


def kueue_sources() -> Path:
    """Return the folder with Kueue's definitions and webhooks."""
    return linked_modules(KUEUE)[KUEUE.requires]


def release(name: str) -> Path:
    """Return crane, oras, syft or cosign."""
    program, variable = RELEASE[name]
    return build(program, (f"-X {variable}={program.version}",)) / name


def named(name: str) -> Path:
    """Return the path that the command line asks for."""
    if name in RELEASE:
        return release(name)
    if name == "actionlint":
        return build(ACTIONLINT) / name
    return {"controlplane": find_or_build, "helm": helm, "promql": promql, "s3": versitygw, "kueue": kueue}[name]()


if __name__ == "__main__":
    for each in sys.argv[1:]:
        try:
            print(named(each))
        except (BuildError, OSError, subprocess.CalledProcessError) as error:
            say(f"{each}: {error}")
            sys.exit(1)
