"""A Debian base image out of Debian's packages, for machines that reach no image registry."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.images.engine import Engine, EngineError
from dev.programs import debian

SUITE = "bookworm"
INCLUDE = ("ca-certificates", "python3-venv")
UNWANTED = (
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
)
"""Roughly the packages of Debian's own slim images."""
DOCKERFILE = "FROM scratch\nADD rootfs.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n"


def debian_base(engine: Engine) -> str:
    """Return the tag of a minimal Debian with Python 3.11; made by debootstrap once, which takes root and a minute."""
    recipe = "".join([SUITE, *INCLUDE, *UNWANTED, DOCKERFILE])
    tag = f"docker.io/library/scriptmodel-base:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if engine.has(tag):
        return tag
    debian.need({"debootstrap": "debootstrap"})
    print(f"images: making a Debian {SUITE} base with debootstrap (once)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="scriptmodel-base-") as folder:
        work = Path(folder)
        _rootfs(work / "rootfs")
        places = (f"--file={work / 'rootfs.tar'}", f"--directory={work / 'rootfs'}")
        subprocess.run(["tar", "--create", "--numeric-owner", *places, "."], check=True)
        shutil.rmtree(work / "rootfs")
        (work / "Dockerfile").write_text(DOCKERFILE)
        engine.build(tag, work / "Dockerfile", context=work)
    return tag


def _rootfs(target: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDE)}", SUITE, str(target)]
    done = subprocess.run([*command, debian.mirror()], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError("debootstrap failed (it needs root):\n" + "\n".join(done.stdout.splitlines()[-12:]))
    for name in UNWANTED:
        shutil.rmtree(target / name)
        (target / name).mkdir()
    # It holds the address that this machine happens to use; the images install nothing more.
    (target / "etc" / "apt" / "sources.list").unlink()
    for device in (target / "dev").iterdir():
        shutil.rmtree(device) if device.is_dir() and not device.is_symlink() else device.unlink()
