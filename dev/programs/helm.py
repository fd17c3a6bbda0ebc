"""The programs that the chart is made and tested with.

`python -m dev.programs.helm` builds them once and prints the path of helm.

`python -m dev.programs.helm alone` leaves out promql, which a release on a node does not ask for.
"""

import sys
from pathlib import Path

from dev.paths import ROOT
from dev.programs.binaries import CONTROL_PLANE
from dev.programs.gobuild import GoProgram, build, print_found

HELM = GoProgram(
    name="helm",
    module=ROOT / "dev" / "programs" / "helm",
    requires="helm.sh/helm/v3",
    package="helm.sh/helm/v3/cmd/helm",
    takes="a minute or two after the control plane, whose compiled packages it shares",
)
PROMQL = GoProgram(
    name="promql",
    module=ROOT / "dev" / "programs" / "promql",
    requires="github.com/prometheus/prometheus",
    takes="a minute or two",
)


def helm() -> Path:
    """Return helm. One that the machine has is not taken: it may render otherwise, or not know our hooks."""
    _, major, minor, *_ = CONTROL_PLANE.version.replace("v", ".").split(".")
    packages = ("pkg/chartutil", "pkg/lint/rules")
    # The Kubernetes version that it renders for without a cluster; the default would be 1.20.
    kubernetes = [
        f"-X helm.sh/helm/v3/{package}.k8sVersion{part}={number}"
        for package in packages
        for part, number in (("Major", major), ("Minor", minor))
    ]
    return build(HELM, (f"-X helm.sh/helm/v3/internal/version.version={HELM.version}", *kubernetes)) / HELM.name


def promql() -> Path:
    """Return the program of dev/programs/promql, which evaluates alerts and queries with Prometheus' own code."""
    return build(PROMQL) / PROMQL.name


def _all() -> Path:
    if sys.argv[1:] != ["alone"]:
        promql()
    return helm()


if __name__ == "__main__":
    sys.exit(print_found("helm", _all))
