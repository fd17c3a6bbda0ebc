"""A writer's installation of the release in dist/, in an empty home, without make, Go and git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dev.paths import OPERATOR_ENV, ROOT
from dev.release.__main__ import DIST

PLAY = ROOT / "tests/gold/synthetic/caps-period.txt"


def interpreter(version: str) -> Path:
    """Return the Python of a version. Skips the test, with the reason, on a machine without it."""
    words = [
        f"PATH={OPERATOR_ENV}/bin:{os.environ['PATH']}",
        f"python{version}",
        "-c",
        "import sys; print(sys.executable)",
    ]
    found = subprocess.run(["env", *words], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"there is no python{version} on PATH")
    return Path(found.stdout.strip()).resolve()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_writing_is_the_first_command_after_the_installation(version: str, tmp_path: Path) -> None:
    python, home = interpreter(version), tmp_path / "home"
    (home / "plays").mkdir(parents=True)
    for number in range(4):
        (home / f"plays/{number}.txt").write_text(PLAY.read_text() * 3)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(python)
    environment = {"HOME": str(home), "PATH": f"{home}/.local/bin:{tmp_path}/bin"}
    (archive,) = DIST.glob("python/scriptmodel-*-wheelhouse-*.tar")
    if f"cp{version.replace('.', '')}-" in archive.name:
        subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={tmp_path}"], check=True)
        source = f"--no-index --find-links={tmp_path}/wheelhouse"
    else:  # all but our own packages from the index that this machine's pip uses
        environment |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        source = f"--find-links={DIST}/python"

    def run(program: str | Path, *words: str) -> str:
        done = subprocess.run([program, *words], cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    run(python, "-m", "venv", f"{tmp_path}/pipx")
    run(f"{tmp_path}/pipx/bin/pip", "install", *source.split(), "pipx")
    run(f"{tmp_path}/pipx/bin/pipx", "install", f"--pip-args={source}", "scriptmodel")
    command = f"{home}/.local/bin/scriptmodel"
    printed = run(command, "write", "plays/", "--minutes", "0.01", "--words", "40")
    assert "Script: plays-written/script-1.txt" in printed
    assert len((home / "plays-written/script-1.txt").read_text().split()) > 10
