"""Checks whether this machine can run a node, and reports what is missing before anything starts."""

import os
import platform
import subprocess
import tempfile
from pathlib import Path

from dev.cluster import network
from dev.programs import debian

PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/lib/cni/host-local": "containernetworking-plugins",
    "ip": "iproute2",
    "mount": "mount",
    "openssl": "openssl",
}
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "pids")


class UnfitMachineError(Exception):
    """This machine cannot run a node; the message says why."""


def check(folder: Path) -> None:
    """Install what is missing where that is possible; UnfitMachineError or MissingProgramError where it is not.

    `folder` is where the images will lie.
    """
    check_machine(folder)
    if network.exists():
        raise UnfitMachineError(f"the bridge {network.BRIDGE} exists already: is the cluster of another clone running?")
    if taken := network.taken_by():
        raise UnfitMachineError(f"{network.GATEWAY.network} or {network.SERVICES.network} is taken: route {taken}")


def check_machine(folder: Path) -> None:
    """Check like `check`, except for temporary conditions such as another running cluster."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise UnfitMachineError("a node needs Linux and root: it makes cgroups, mounts and a network bridge")
    debian.need(PROGRAMS)
    _check_cgroups()
    _check_overlay(folder)


def _check_cgroups() -> None:
    unified = CGROUPS / "cgroup.controllers"
    roots = [CGROUPS] if unified.exists() else [CGROUPS / name for name in CONTROLLERS]
    if unified.exists() and (missing := set(CONTROLLERS) - set(unified.read_text().split())):
        raise UnfitMachineError(f"{unified} lacks {', '.join(sorted(missing))}")
    for root in roots:
        probe = root / f"scriptmodel-probe-{os.getpid()}"
        try:
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise UnfitMachineError(f"no cgroup can be made in {root}: {error.strerror}") from error


def _check_overlay(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as name:
        parts = {part: Path(name, part) for part in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        command = ["mount", "-t", "overlay", "overlay", "-o", options, str(parts["merged"])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnfitMachineError(f"overlayfs cannot be mounted in {folder}: {done.stderr.strip()}")
        subprocess.run(["umount", str(parts["merged"])], check=True)
