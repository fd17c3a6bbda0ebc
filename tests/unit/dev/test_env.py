"""dev/env.sh accepts the versions of Python for which the locked packages exist, and makes an environment once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.paths import ROOT


def message_with(version: str, folder: Path) -> str:
    """Run a copy of dev/env.sh with a Python of this version that makes no environment; return its message."""
    (folder / "dev/requirements").mkdir(parents=True)
    (folder / "dev/requirements/bootstrap.txt").touch()
    script = shutil.copy(ROOT / "dev/env.sh", folder / "dev/env.sh")
    python = folder / "python"
    python.write_text(
        f"""#!/bin/sh
        if [ "$1" = --version ]; then echo "Python {version}"; exit; fi
        if [ "$1" = -c ]; then exec {sys.executable} -c "import sys; sys.version_info = ({version.replace(".", ", ")})
$2"; fi
        exit 1
        """
    )
    python.chmod(0o755)
    env = {**os.environ, "PYTHON": str(python)}
    done = subprocess.run([script, "tools"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("version", ["3.11.0", "3.12.1", "3.13.9"])
def test_a_version_that_has_the_packages_is_used(version: str, tmp_path: Path) -> None:
    assert "venv failed" in message_with(version, tmp_path)


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"])
def test_another_version_is_refused_at_once(version: str, tmp_path: Path) -> None:
    message = f"env: Python {version} is not supported; set PYTHON to Python 3.11, 3.12 or 3.13\n"
    assert message_with(version, tmp_path) == message


def test_the_environment_of_a_moved_clone_is_made_again(tmp_path: Path) -> None:
    clone, made, python = tmp_path / "clone", tmp_path / "made", tmp_path / "python"
    (clone / "dev/requirements").mkdir(parents=True)
    (clone / "dev/requirements/bootstrap.txt").touch()
    shutil.copy(ROOT / "dev/env.sh", clone / "dev/env.sh")
    python.write_text(
        f"""#!/bin/sh
        if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin"; ln -s /bin/true "$3/bin/pip"; echo "$PWD" >>{made}; fi
        """
    )
    python.chmod(0o755)

    def make(place: Path) -> list[str]:
        subprocess.run([place / "dev/env.sh", "tools"], env={**os.environ, "PYTHON": str(python)}, check=True)
        return made.read_text().splitlines()

    link, moved = tmp_path / "link", tmp_path / "moved"
    link.symlink_to(clone)
    assert make(clone) == make(clone) == make(link) == [str(clone)], "the place is the same"
    clone.rename(moved)
    assert make(moved) == make(moved) == [str(clone), str(moved)]
