"""Find helm, or build it once for all clones: `python -m dev.helm` prints its path.

Only the version that the tests know is used: what another helm renders, and which hooks it knows, may differ.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dev.gobuild import BuildError, GoProgram, build, say
from dev.paths import ROOT

HELM = GoProgram(
    name="helm",
    module=ROOT / "dev" / "helm",
    requires="helm.sh/helm/v3",
    package="helm.sh/helm/v3/cmd/helm",
    takes="a minute or two after the control plane, whose compiled packages it shares",
)


def helm() -> Path:
    """Return the program."""
    return build(HELM, (f"-X helm.sh/helm/v3/internal/version.version={HELM.version}",)) / HELM.name


def main() -> int:
    """Print the path of helm; 1 if it cannot be had."""
    try:
        print(helm())
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        say(f"helm: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
