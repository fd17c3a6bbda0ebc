"""Make a release, check one, push one to a registry, or compare two.

`make release VERSION=0.1.0` fills dist/; `make release-verify` checks that folder without a network.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from dev.images.engine import EngineError
from dev.paths import ROOT
from dev.programs.debian import MissingProgramError
from dev.programs.gobuild import BuildError
from dev.release import artifacts, images, publishing, statements
from dev.release.source import ReleaseError, source

DIST = ROOT / "dist"


def main() -> int:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m dev.release", description=__doc__)
    parser.add_argument("part", choices=["build", "verify", "push", "compare"])
    parser.add_argument("--version", default="", help="of the release, as in pyproject.toml and Chart.yaml")
    parser.add_argument("--dist", type=Path, default=DIST, help="folder of the release (dist/)")
    parser.add_argument("--other", type=Path, help="folder of another build of it, for `compare`")
    parser.add_argument(
        "--images", default=",".join(images.KINDS), help="which are built, separated by commas, or `none`"
    )
    parser.add_argument("--base", default="", help="as for `make images`")
    parser.add_argument("--registry", default="", help="that chart and manifests name, or that is pushed to")
    parser.add_argument("--key", default="", help="of cosign: the private one signs, the public one verifies")
    parser.add_argument("--keyless", action="store_true", help="sign what is pushed by the identity of the workflow")
    options = parser.parse_args()
    try:
        _run(options)
    except (ReleaseError, EngineError, BuildError, MissingProgramError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"release: {error.filename} is missing: `make release VERSION=...` makes it", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    dist: Path = options.dist
    if options.part == "compare":
        print(
            f"release: {statements.compare(dist, options.other)} files are the same bytes in {dist} and {options.other}"
        )
        return
    if options.part == "build":
        _build(options)
    signed = publishing.verify(dist, "" if options.part != "verify" else options.key)
    print(f"release: {statements.verify(dist)} files of {dist} are what {statements.SUMS} says, which is {signed}")
    if options.part == "push":
        publishing.push(dist, options.registry.rstrip("/"), options.key, options.keyless)


def _build(options: argparse.Namespace) -> None:
    dist: Path = options.dist
    made, digests = source(options.version), dict[str, str]()
    kinds = [] if options.images == "none" else options.images.split(",")
    if unknown := set(kinds) - images.KINDS.keys():
        raise ReleaseError(f"no image is called {', '.join(sorted(unknown))}: choose from {', '.join(images.KINDS)}")
    shutil.rmtree(dist, ignore_errors=True)
    if kinds:
        digests = images.write(dist, made, kinds, options.base)
    artifacts.write_all(dist, made, artifacts.Pins(options.registry.rstrip("/"), digests))
    if kinds:
        images.write_chart(dist / "chart", made)
    artifacts.write_wheelhouse(dist / "python", made)
    statements.write(dist)
    publishing.sign(dist, options.key)


if __name__ == "__main__":
    sys.exit(main())
