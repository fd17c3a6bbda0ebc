"""A Debian base image out of Debian's packages, for machines that reach no image registry."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dev.images.engine import Engine, EngineError
from dev.paths import ROOT
from dev.programs import debian
from dev.programs.built import release as program

SUITE = "bookworm"
INCLUDE = ("ca-certificates", "python3-venv")
UNWANTED = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
)
"""Roughly the packages of Debian's own slim images."""
DOCKERFILE = "FROM scratch\nADD rootfs.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n"


def debian_base(engine: Engine, architecture: str = "") -> str:
    """Return the tag of a minimal Debian with Python 3.11; made by debootstrap once, which takes root and a minute.

    One of another architecture is unpacked only: no program in it can be run here.
    """
    recipe = "".join(["newest of ", SUITE, *INCLUDE, *UNWANTED, DOCKERFILE, architecture])
    tag = f"docker.io/library/scriptmodel-base:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if engine.has(tag):
        return tag
    debian.need({"debootstrap": "debootstrap"})
    print(f"images: making a Debian {SUITE} base with debootstrap (once)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="scriptmodel-base-") as folder:
        work = Path(folder)
        _rootfs(work / "rootfs", architecture)
        places = (f"--file={work / 'rootfs.tar'}", f"--directory={work / 'rootfs'}")
        subprocess.run(["tar", "--create", "--numeric-owner", *places, "."], check=True)
        shutil.rmtree(work / "rootfs")
        (work / "Dockerfile").write_text(DOCKERFILE)
        engine.build(tag, work / "Dockerfile", context=work)
    return tag


def published(base: str, part: str, architecture: str) -> str:
    """Return a base in a registry by its digest for an architecture; by default it is that of the Dockerfile."""
    default = re.search(r"^ARG BASE=(\S+)", (ROOT / f"Dockerfile.{part}").read_text(), re.MULTILINE)
    reference = base or (default[1] if default else "")
    command = [str(program("crane")), "digest", f"--platform=linux/{architecture}", reference]
    digest = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return re.sub(r"(:[^:/@]+)?(@.*)?$", f"@{digest}", reference, count=1)


def _rootfs(target: Path, architecture: str) -> None:
    archives = debian.mirrors()
    foreign = ["--foreign", f"--arch={architecture}"] if architecture else []
    options = ["--variant=minbase", f"--include={','.join(INCLUDE)}", *foreign]
    _run("debootstrap", *options, SUITE, str(target), archives[SUITE])
    packages = target / "var/cache/apt/archives"
    _update(packages, archives, architecture)
    if foreign:
        _unpack(target)
    else:
        files = sorted(f"/{path.relative_to(target)}" for path in packages.glob("*.deb"))
        _run("chroot", str(target), "apt-get", "-qy", "-oAPT::Sandbox::User=root", "install", *files)
    for name in UNWANTED:
        shutil.rmtree(target / name, ignore_errors=True)
        (target / name).mkdir(parents=True)
    # It holds the address that this machine happens to use; the images install nothing more.
    (target / "etc" / "apt" / "sources.list").unlink(missing_ok=True)
    for device in (target / "dev").iterdir():
        shutil.rmtree(device) if device.is_dir() and not device.is_symlink() else device.unlink()


def _update(packages: Path, archives: Mapping[str, str], architecture: str) -> None:
    """Replace packages by the newest of all suites: debootstrap reads one, which has no security updates."""
    names = {path.name.partition("_")[0]: path for path in packages.glob("*.deb")}
    with tempfile.TemporaryDirectory(prefix="scriptmodel-apt-") as folder:
        Path(folder, "lists/partial").mkdir(parents=True)
        Path(folder, "sources.list").write_text("".join(f"deb {url} {suite} main\n" for suite, url in archives.items()))
        settings = f"Dir::State={folder} Dir::Cache={folder} Dir::Etc::sourcelist={folder}/sources.list"
        settings += " Dir::State::status=/dev/null Dir::Etc::sourceparts=- APT::Sandbox::User=root"
        if architecture:
            settings += f" APT::Architecture={architecture} APT::Architectures={architecture}"
        apt = ["apt-get", "-q", *(f"-o{each}" for each in settings.split())]
        _run(*apt, "update")
        _run(*apt, "download", *names, folder=folder)
        for path in Path(folder).glob("*.deb"):
            shutil.move(path, names[path.name.partition("_")[0]])


def _run(*command: str, folder: str | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "TMPDIR": "/tmp"}  # noqa: S108 - exists in the chroot
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise EngineError(f"`{command[0]}` failed (a Debian base needs root):\n{said}")


def _unpack(target: Path) -> None:
    """Unpack the packages that were downloaded and record them as dpkg does, without running their scripts."""
    known = target / "var/lib/dpkg"
    records = []
    for package in sorted((target / "var/cache/apt/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(target)], check=True)
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(tar)) as files:
            names = ["/" + member.name.removeprefix("./") for member in files]
        name, _, record = _asked(package).partition("\n")
        (known / "info" / f"{name.removeprefix('Package: ')}.list").write_text("\n".join(names) + "\n")
        records.append(f"{name}\nStatus: install ok installed\n{record}")
    (known / "status").write_text("\n".join(records))


def _asked(package: Path) -> str:
    return subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, text=True, check=True).stdout
