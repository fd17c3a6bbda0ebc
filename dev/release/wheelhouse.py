"""The wheels of `scriptmodel` and of all that it needs, for a machine that reaches no package index."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from dev.paths import ROOT
from dev.release.source import Source

LOCK = ROOT / "dev" / "requirements" / "writer-runtime.txt"
_PIP = ROOT / ".venv" / "tools" / "bin" / "pip"
_OWN = ("scriptmodel", "scriptmodel_operator", "scriptmodel_trainer")


def write(python: Path, made: Source) -> Path:
    """Write an archive of the locked wheels for this Python and machine, and of our own in that folder; return it."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-linux_x86_64"
    target = python / f"scriptmodel-{made.version}-wheelhouse-{tag}.tar"
    with tempfile.TemporaryDirectory(prefix="scriptmodel-wheelhouse-") as folder:
        words = ["download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", f"--requirement={LOCK}"]
        subprocess.run([str(_PIP), *words, f"--dest={folder}"], check=True)
        own = [path for name in _OWN for path in python.glob(f"{name}-*.whl")]
        pack([*Path(folder).iterdir(), *own], target, made.epoch)
    return target


def pack(files: list[Path], target: Path, epoch: int) -> None:
    """Write files into a folder `wheelhouse` of an archive whose bytes depend on them and the time alone."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as written:  # wheels are compressed
        for path in sorted(files, key=lambda path: path.name):
            entry = tarfile.TarInfo(f"wheelhouse/{path.name}")
            entry.size, entry.mtime, entry.mode = path.stat().st_size, epoch, 0o644
            with path.open("rb") as file:
                written.addfile(entry, file)
