"""Make a release, or check one.

`make release VERSION=0.1.0` fills dist/; `make release-verify` checks that folder without a network.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from dev.paths import ROOT
from dev.release import artifacts, statements, wheelhouse
from dev.release.source import ReleaseError, source

DIST = ROOT / "dist"


def main() -> int:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m dev.release", description=__doc__)
    parser.add_argument("part", choices=["build", "verify"])
    parser.add_argument("--version", default="", help="of the release, as in pyproject.toml and Chart.yaml")
    parser.add_argument("--dist", type=Path, default=DIST, help="folder of the release (dist/)")
    options = parser.parse_args()
    try:
        if options.part == "build":
            _build(options.dist, options.version)
        print(f"release: {statements.verify(options.dist)} files of {options.dist} are what {statements.SUMS} says")
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"release: {error.filename} is missing: `make release VERSION=...` makes it", file=sys.stderr)
        return 1
    return 0


def _build(dist: Path, version: str) -> None:
    made = source(version)
    shutil.rmtree(dist, ignore_errors=True)
    artifacts.write_all(dist, made)
    wheelhouse.write(dist / "python", made)
    statements.write(dist, made)


if __name__ == "__main__":
    sys.exit(main())
