"""Kueue, for the test of its queues: the program, and its sources, which have its definitions and webhooks.

`python -m dev.programs.kueue` builds it once and prints its path.
"""

import sys
from pathlib import Path

from dev.paths import ROOT
from dev.programs.gobuild import GoProgram, build, linked_modules, print_found

KUEUE = GoProgram(
    name="kueue",
    module=ROOT / "dev" / "programs" / "kueue",
    requires="sigs.k8s.io/kueue",
    package="sigs.k8s.io/kueue/cmd/kueue",
    takes="about 9 minutes on 2 cores",
)


def kueue() -> Path:
    return build(KUEUE) / KUEUE.name


def sources() -> Path:
    return linked_modules(KUEUE)[KUEUE.requires]


if __name__ == "__main__":
    sys.exit(print_found("kueue", kueue))
