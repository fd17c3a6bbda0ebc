"""The commit that a release is made from."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from dataclasses import dataclass

import yaml

from dev.paths import ROOT

HOME = "https://github.com/scriptmodel/scriptmodel"
"""Where the repository is published: addresses in what is released begin with it."""
CHART = ROOT / "charts" / "scriptmodel-operator"
DISTRIBUTIONS = ("operator", "trainer", "localpach", "scriptmodel")

WRITTEN = {
    "localpach/src/localpach/__init__.py": '__version__ = "(.+)"',
    "trainer/src/scriptmodel_trainer/__init__.py": '__version__ = "(.+)"',
    "manifests/deployment.yaml": r"image: scriptmodel-operator:(\S+)",
    "docs/guide/install.md": r"oci/\$image:(\S+)",
}
"""Further files that have the version, and where."""


class ReleaseError(Exception):
    """The release cannot be made or is not whole; the message says what to do."""


@dataclass(frozen=True)
class Source:
    version: str
    commit: str
    epoch: int
    """When the commit was made, in seconds since 1970: the time of everything that is released."""

    @property
    def created(self) -> str:
        return git("show", "-s", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd", "HEAD")


def source(version: str) -> Source:
    """Return the commit. Raises ReleaseError unless it is clean and all parts have that version."""
    if changed := git("status", "--porcelain"):
        raise ReleaseError(f"the checkout is not clean: commit or remove\n{changed}")
    for name, found in versions().items():
        if found != version:
            raise ReleaseError(f"{name} has version {found}, not {version}: docs/contributing/releasing.md, step 2")
    return Source(version, git("rev-parse", "HEAD"), int(git("show", "-s", "--format=%ct", "HEAD")))


def versions() -> dict[str, str]:
    """Return the version of each part, by the file that has it."""
    found = {
        f"{part}/pyproject.toml": tomllib.loads(_text(part, "pyproject.toml"))["project"]["version"]
        for part in DISTRIBUTIONS
    }
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    found |= {name: re.findall(pattern, _text(name))[0] for name, pattern in WRITTEN.items()}
    return {**found, "Chart.yaml (version)": chart["version"], "Chart.yaml (appVersion)": chart["appVersion"]}


def _text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text()


def git(*words: str) -> str:
    """Return what git says of this checkout, times in UTC. Raises ReleaseError with its message."""
    environment = {**os.environ, "TZ": "UTC"}  # SUDO_UID, too: git refuses root the checkout of another account
    done = subprocess.run(["git", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()
