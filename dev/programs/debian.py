"""Programs that come from Debian's packages: found on PATH, or installed where this process may do that.

    python3 -m dev.programs.debian PROGRAM...

makes sure of programs whose packages have their names.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping


class MissingProgramError(Exception):
    """A program is missing and cannot be installed; the message explains how to get it."""


def need(packages: Mapping[str, str]) -> None:
    """Ensure that each program (or file, by its absolute path) exists; the values name Debian's packages.

    As root on Debian missing packages are installed; elsewhere MissingProgramError names what to install.
    """
    missing = sorted({package for program, package in packages.items() if shutil.which(program) is None})
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingProgramError(f"missing: {names}; on Debian or Ubuntu: sudo apt-get install {names}")
    print(f"debian: installing {names}", file=sys.stderr, flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # An old list of packages names files that are gone from the archive.
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", "-q", *command], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
            raise MissingProgramError(f"`apt-get {' '.join(command)}` failed:\n{lines}")


def mirrors() -> dict[str, str]:
    """Return the archives that this machine's apt uses for bookworm and its updates, or raise MissingProgramError."""
    columns = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    said = subprocess.run(columns, capture_output=True, text=True, check=True).stdout
    lines = (line.split(" ", 2) for line in said.splitlines())
    found = {suite: address for suite, component, address in lines if component == "main"}
    for suite in ("bookworm", "bookworm-security"):
        if suite not in found:
            raise MissingProgramError(f"apt on this machine names no archive of {suite}: add one to its sources")
    return {suite: address for suite, address in found.items() if suite.startswith("bookworm")}


if __name__ == "__main__":
    try:
        need({program: program for program in sys.argv[1:]})
    except MissingProgramError as error:
        raise SystemExit(str(error)) from error
