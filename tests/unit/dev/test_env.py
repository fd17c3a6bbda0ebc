"""dev/env.sh accepts the versions of Python for which the locked packages exist."""

from __future__ import annotations

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
