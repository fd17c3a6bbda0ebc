"""The programs that make a release: crane (images), oras (OCI layouts, referrers), syft (SBOMs), cosign (signatures).

`python -m dev.programs.release` builds them once, in a quarter of an hour, and prints the path of each.
"""

import sys
from pathlib import Path

from dev.paths import ROOT
from dev.programs.gobuild import BuildError, GoProgram, build

PROGRAMS = {
    Path(package).name: GoProgram(
        name=Path(package).name,
        module=ROOT / "dev" / "programs" / "release",
        requires=requires,
        package=f"{requires}/{package}",
        takes="some minutes",
        released=package == "cmd/crane",  # it compresses layers
    )
    for requires, package in (
        ("github.com/google/go-containerregistry", "cmd/crane"),
        ("oras.land/oras", "cmd/oras"),
        ("github.com/anchore/syft", "cmd/syft"),
        ("github.com/sigstore/cosign/v3", "cmd/cosign"),
    )
}
VARIABLES = {
    "syft": "main.version",
    "cosign": "sigs.k8s.io/release-utils/version.gitVersion",
    "oras": "oras.land/oras/internal/version.Version",
    "crane": "github.com/google/go-containerregistry/cmd/crane/cmd.Version",
}
"""Where the linker writes the version, which each of them puts into what it makes."""


def program(name: str) -> Path:
    """Return the path of one of them."""
    wanted = PROGRAMS[name]
    return build(wanted, (f"-X {VARIABLES[name]}={wanted.version}",)) / name


if __name__ == "__main__":
    try:
        for each in PROGRAMS:
            print(program(each))
    except BuildError as error:
        sys.exit(str(error))
