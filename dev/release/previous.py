"""The version before this one, rebuilt from its commit: what an upgrade starts from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.images.project import image
from dev.paths import ROOT, cache

COMMIT = "cca8a729a1835d70078fb4465606e5c3ae887283"
"""The commit to build. Nothing was released, so a change may have older models trained again; the next commit then
moves this to that change. After the first release it is the commit of the previous tag."""
VERSION = "0.0.9"
"""The version of its images and its chart, another one than the checkout's."""
PARTS = ("operator", "trainer", "s3")


def build() -> Path:
    """Return the folder with its images and chart, which are made once on a machine; that takes minutes and root."""
    folder = cache() / "previous" / COMMIT
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=folder.parent) as made:
        tree, whole = Path(made, "tree"), Path(made, "whole")
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), COMMIT], cwd=ROOT, check=True)
        try:
            base = os.environ.get("BASE", "debootstrap")
            command = [sys.executable, "-m", "dev.images", "--base", base, "--version", VERSION]
            subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": ""}, check=True)
            shutil.copytree(tree / "charts", whole / "charts")
            shutil.move(tree / "build" / "images", whole / "images")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)
        whole.rename(folder)
    return folder


def archives(folder: Path) -> dict[str, Path]:
    """Return the archives of its images by tag."""
    images = [image(part, version=VERSION) for part in PARTS]
    return {each.tag: folder / "images" / each.archive.name for each in images}
