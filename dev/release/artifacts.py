"""Wheels, chart and manifests of a release: the same bytes for the same commit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dev.paths import OPERATOR_ENV, ROOT
from dev.release.source import CHART, DISTRIBUTIONS, Source

MANIFESTS = ROOT / "manifests"
_LOCK = ROOT / "dev" / "requirements" / "writer-runtime.txt"
_PIP = ROOT / ".venv" / "tools" / "bin" / "pip"


@dataclass(frozen=True)
class Pins:
    """Where chart and manifests find the images: a registry, and digests by repository and tag. Both may be empty."""

    registry: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)

    def values(self, text: str) -> str:
        """Return the chart's default values with the registry and the digests in them."""
        if self.registry:
            text = text.replace('\n  registry: ""\n', f'\n  registry: "{self.registry}"\n', 1)
        for name, digest in self.digests.items():
            # A chart's trainer is that for CPUs: the other one has a suffix, and an object names it.
            repository = re.escape(name.partition(":")[0])
            if not name.endswith("-gpu"):
                text = re.sub(rf'(repository: {repository}\n(?:.*\n){{2,4}}? +digest: )""', rf'\1"{digest}"', text)
        return text

    def manifest(self, text: str) -> str:
        """Return a manifest whose images have the registry and the digests."""
        before = f"{self.registry}/" if self.registry else ""

        def pinned(found: re.Match[str]) -> str:
            return f"{before}{found[0]}" + (f"@{self.digests[found[0]]}" if found[0] in self.digests else "")

        return re.sub(r"(?<=: )scriptmodel-[a-z0-9]+:[\w.-]+", pinned, text)


def write_all(target: Path, made: Source, pins: Pins) -> None:
    """Write everything but images below a folder."""
    write_distributions(target / "python", made)
    write_chart(target / "chart", made, pins)
    write_manifests(target / "manifests", made, pins)


def write_distributions(target: Path, made: Source) -> None:
    """Write an sdist and a wheel of each distribution."""
    target.mkdir(parents=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(made.epoch)}
    for part in DISTRIBUTIONS:
        command = [str(OPERATOR_ENV / "bin" / "hatchling"), "build", "-d", str(target)]
        subprocess.run(command, cwd=ROOT / part, env=environment, check=True, stdout=subprocess.DEVNULL)


def write_chart(target: Path, made: Source, pins: Pins) -> None:
    """Write the chart; `helm package` itself notes the time at which it runs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, CHART.name)
        shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns(".*"))
        (copy / "values.yaml").write_text(pins.values((CHART / "values.yaml").read_text()))
        archive(target / f"{CHART.name}-{made.version}.tgz", Path(folder), made.epoch)


def write_manifests(target: Path, made: Source, pins: Pins) -> None:
    """Write what `kubectl apply -k manifests/` applies as one file, the CRD by itself, and the samples."""
    resources = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    texts = [(MANIFESTS / name).read_text().removeprefix("---\n").rstrip() for name in resources]
    _write(target / "install.yaml", pins.manifest("---\n" + "\n---\n".join(texts) + "\n").encode())
    _write(target / "crd.yaml", (MANIFESTS / "crd.yaml").read_bytes())
    archive(target / "samples.tar.gz", MANIFESTS, made.epoch, "samples")


def write_wheelhouse(python: Path, made: Source) -> None:
    """Write the locked wheels for this Python and machine, and our own in that folder, for one without an index."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-linux_x86_64"
    with tempfile.TemporaryDirectory(prefix="scriptmodel-wheelhouse-") as folder:
        house = Path(folder, "wheelhouse")
        words = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", f"--requirement={_LOCK}"]
        subprocess.run([str(_PIP), "download", *words, f"--dest={house}"], check=True)
        for name in ("scriptmodel", "scriptmodel_operator", "scriptmodel_trainer"):
            (wheel,) = python.glob(f"{name}-*.whl")
            shutil.copy(wheel, house)
        archive(python / f"scriptmodel-{made.version}-wheelhouse-{tag}.tar", Path(folder), made.epoch)


def archive(target: Path, folder: Path, epoch: int, *names: str) -> None:
    """Write the files of a folder, or some of them, to an archive whose bytes depend on them and the time alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    owner = ("--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX")
    packed = () if target.suffix == ".tar" else ("--use-compress-program=gzip -n",)
    words = ("--create", f"--file={target}", f"--directory={folder}", "--sort=name", f"--mtime=@{epoch}")
    what = names or sorted(path.name for path in folder.iterdir())
    subprocess.run(["tar", *words, *owner, *packed, *what], check=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
