"""Removes what containers leave behind when their managers have ended: tasks, mounts and cgroups."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dev.cluster.preflight import CGROUPS
from dev.cluster.runtime import Runtime
from dev.programs.built import find_or_build

MOUNTS = Path("/proc/self/mountinfo")


def delete_pods(runtime: Runtime, kubeconfig: Path, within: float = 30.0) -> None:
    """Have the kubelet end all pods, networks included, and wait until they are gone or `within` seconds are over."""
    kubectl = [str(find_or_build() / "kubectl"), f"--kubeconfig={kubeconfig}", "--request-timeout=10s"]
    words = ["delete", "pods", "--all", "--all-namespaces", "--grace-period=1", "--wait=false"]
    if subprocess.run([*kubectl, *words], capture_output=True, check=False).returncode:
        return  # no API server: the containers are ended without the kubelet
    deadline = time.monotonic() + within
    while runtime.ctr("containers", "list", "--quiet").split() and time.monotonic() < deadline:
        time.sleep(0.2)


def end_containers(runtime: Runtime) -> None:
    """Kill and forget every container; the kubelet must have ended, or it would start them again."""
    for name in runtime.ctr("tasks", "list", "--quiet").split():
        with suppress(subprocess.CalledProcessError):  # it has just ended
            runtime.ctr("tasks", "delete", "--force", name)
    for name in runtime.ctr("containers", "list", "--quiet").split():
        with suppress(subprocess.CalledProcessError):  # the same
            runtime.ctr("containers", "delete", name)


def unmount(folder: Path) -> None:
    """Unmount all that is mounted below a folder, the innermost first; OSError if something stays mounted."""
    for point in reversed(_mounts(folder)):
        subprocess.run(["umount", point], check=True)
    if left := _mounts(folder):
        raise OSError(f"{left[0]} is still mounted. Unmount it, then run `make cluster-stop` again.")


def _mounts(folder: Path) -> list[Path]:
    fields = [line.split(b" ")[4] for line in MOUNTS.read_bytes().splitlines()]
    # The kernel writes a space as \040.
    points = [re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), field) for field in fields]
    return [path for path in map(Path, map(os.fsdecode, points)) if path.is_relative_to(folder)]


def remove_cgroups() -> None:
    """Remove the kubelet's cgroups; those that another kubelet still uses are not empty and stay."""
    for root in [CGROUPS, *_folders(CGROUPS)]:
        for top in ("kubepods", "k8s.io"):
            for folder, _, _ in os.walk(root / top, topdown=False):
                with suppress(OSError):  # in use
                    Path(folder).rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
