"""Build the images, write them as archives, and say how large they are and what they hold.

`make images` runs it. The archives and their bills of materials lie in build/images.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dev.images import s3
from dev.images.archive import Content, read
from dev.images.base import debian_base
from dev.images.engine import Engine, EngineError, find
from dev.images.project import Image, image
from dev.images.sbom import cyclonedx
from dev.images.sources import secrets
from dev.paths import ROOT
from dev.programs.debian import MissingProgramError

PARTS = ("operator", "trainer", "s3")
DEBOOTSTRAP = "debootstrap"
OCI = "org.opencontainers.image"


def build(engine: Engine, wanted: Image, base: str) -> Content:
    """Build one image and write its archive and its bill of materials."""
    arguments, context = dict[str, str](), ROOT
    # As options, because buildah 1.28 takes a LABEL with an argument from its cache for any value of the argument.
    labels = {f"{OCI}.version": wanted.version, f"{OCI}.revision": _revision()}
    if base and wanted.part != "s3":
        arguments["BASE"] = base
    if wanted.variant:
        arguments["VARIANT"] = wanted.variant
    with tempfile.TemporaryDirectory(prefix="scriptmodel-build-") as folder:
        dockerfile = ROOT / f"Dockerfile.{wanted.part}"
        given = secrets(Path(folder))
        if wanted.part == "s3":
            context = Path(folder, "context")
            s3.write(context)
        engine.build(wanted.tag, dockerfile, context=context, arguments=arguments, labels=labels, secrets=given)
    engine.save(wanted.tag, wanted.archive)
    content = read(wanted.archive)
    bill = cyclonedx(f"scriptmodel-{wanted.part}", wanted.version, content)
    wanted.archive.with_suffix(".cdx.json").write_text(json.dumps(bill, indent=2) + "\n")
    return content


def _revision() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


def report(wanted: Image, content: Content, seconds: float) -> str:
    """Return a summary of an image for the user."""
    names = {"pypi": "Python packages", "deb": "of Debian", "golang": "Go modules"}
    counts = {name: sum(p.kind == kind for p in content.packages) for kind, name in names.items()}
    packages = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    layers = " + ".join(f"{size / 1e6:.0f}" for size in content.layers if size >= 1e5)
    archive = wanted.archive.relative_to(ROOT)
    name = wanted.tag.removeprefix("docker.io/library/")
    return (
        f"{name}  {content.size / 1e6:.0f} MB unpacked ({layers}), {seconds:.0f} s\n"
        f"  image  {archive}\n"
        f"  SBOM   {archive.with_suffix('.cdx.json')}  {packages}"
    )


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
        print(f"images: {engine.name}", file=sys.stderr, flush=True)
        base = debian_base(engine) if args.base == DEBOOTSTRAP else args.base
        for part in args.parts or PARTS:
            started = time.monotonic()
            wanted = image(part, args.variant if part == "trainer" else "", args.version)
            content = build(engine, wanted, base)
            print(report(wanted, content, time.monotonic() - started), flush=True)
    except (EngineError, MissingProgramError) as error:
        hint = "" if args.base else f"\nimages: without a registry, try `make images BASE={DEBOOTSTRAP}`"
        print(f"images: {error}{hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
