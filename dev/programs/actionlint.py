"""actionlint, which checks the workflows: `python -m dev.programs.actionlint` builds it once and prints its path."""

from __future__ import annotations

import sys
from pathlib import Path

from dev.paths import ROOT
from dev.programs.gobuild import GoProgram, build, print_found

ACTIONLINT = GoProgram(
    name="actionlint",
    module=ROOT / "dev" / "programs" / "actionlint",
    requires="github.com/rhysd/actionlint",
    package="github.com/rhysd/actionlint/cmd/actionlint",
    takes="half a minute",
)


def actionlint() -> Path:
    """Return the program."""
    return build(ACTIONLINT) / ACTIONLINT.name


if __name__ == "__main__":
    sys.exit(print_found("actionlint", actionlint))
