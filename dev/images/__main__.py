"""Build the images and write them as archives to build/images: `make images`."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dev.images import s3
from dev.images.base import debian_base, published
from dev.images.engine import Engine, EngineError, find
from dev.images.project import Image, image
from dev.images.sources import secrets
from dev.paths import ROOT
from dev.programs.debian import MissingProgramError

PARTS = ("operator", "trainer", "s3")
DEBOOTSTRAP = "debootstrap"
OCI = "org.opencontainers.image"


def build(engine: Engine, wanted: Image, base: str, epoch: int | None = None) -> None:
    """Build one image and write its archive. All of its files have the time `epoch` if that is given."""
    # As options, because buildah 1.28 takes a LABEL with an argument from its cache for any value of the argument.
    labels = {f"{OCI}.version": wanted.version, f"{OCI}.revision": revision()}
    arguments = {} if wanted.part == "s3" else _arguments(engine, wanted, base)
    with tempfile.TemporaryDirectory(prefix="scriptmodel-build-") as folder:
        dockerfile, context = ROOT / f"Dockerfile.{wanted.part}", ROOT
        given = secrets(Path(folder))
        if wanted.part == "s3":
            context = Path(folder, "context")
            s3.write(context, wanted.architecture)
        engine.build(
            wanted.tag, dockerfile, context=context, arguments=arguments, labels=labels, secrets=given, epoch=epoch
        )
    engine.save(wanted.tag, wanted.archive)


def _arguments(engine: Engine, wanted: Image, base: str) -> dict[str, str]:
    """Return the arguments of the Dockerfile. Programs run in the base of this machine, whatever the image is for."""
    found = {"VARIANT": wanted.variant} if wanted.variant else {}
    if base == DEBOOTSTRAP:
        found["BASE"] = debian_base(engine)
    elif base:
        found["BASE"] = base
    if wanted.architecture == "arm64":
        found["MACHINE"] = "aarch64"
        foreign = debian_base(engine, "arm64") if base == DEBOOTSTRAP else published(base, wanted.part, "arm64")
        found["TARGET"] = foreign
        if wanted.variant:
            found["VARIANT"] = f"{wanted.variant}-aarch64"
    return found


def revision() -> str:
    """Return the commit, which is the same in a clone with other tags or fewer commits."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def main() -> int:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.images", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], metavar="|".join(PARTS))
    parser.add_argument("--variant", choices=["cpu", "gpu"], default="cpu", help="of the trainer (cpu)")
    parser.add_argument("--version", default="", help="tag and label; default: the distribution's version")
    parser.add_argument(
        "--base",
        default="",
        metavar="IMAGE",
        help=f"base image; `{DEBOOTSTRAP}` makes one from Debian's packages; default: the Dockerfile's own",
    )
    args = parser.parse_args()
    try:
        engine = find()
        for part in args.parts or PARTS:
            started = time.monotonic()
            wanted = image(part, args.variant if part == "trainer" else "", args.version)
            build(engine, wanted, args.base)
            seconds = time.monotonic() - started
            print(f"{wanted.tag.rpartition('/')[2]}  {wanted.archive.relative_to(ROOT)}, {seconds:.0f} s", flush=True)
    except (EngineError, MissingProgramError) as error:
        hint = "" if args.base else f"\nimages: without a registry, try `make images BASE={DEBOOTSTRAP}`"
        print(f"images: {error}{hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
