"""A writer's installation: from the release in dist/, in an empty home, without a network, make, Go and git."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

from dev.paths import ROOT
from dev.release.__main__ import DIST

PLAY = ROOT / "tests/gold/synthetic/caps-period.txt"


@pytest.mark.timeout(1800)
def test_writing_is_the_first_command_after_the_installation(tmp_path: Path) -> None:
    (archive,) = DIST.glob("python/scriptmodel-*-wheelhouse-*.tar")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    home = tmp_path / "home"
    (home / "plays").mkdir(parents=True)
    for number in range(4):
        (home / f"plays/{number}.txt").write_text(PLAY.read_text() * 3)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(Path(sys.executable).resolve())
    venv.create(tmp_path / "pipx", with_pip=True)
    offline = f"--no-index --find-links={tmp_path}/wheelhouse"

    def run(program: str, *words: str) -> str:
        environment = {"HOME": str(home), "PATH": f"{home}/.local/bin:{tmp_path}/bin"}
        done = subprocess.run([program, *words], cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    run(f"{tmp_path}/pipx/bin/pip", "install", *offline.split(), "pipx")
    run(f"{tmp_path}/pipx/bin/pipx", "install", f"--pip-args={offline}", "scriptmodel")
    command = f"{home}/.local/bin/scriptmodel"
    printed = run(command, "write", "plays/", "--minutes", "0.01", "--words", "40")
    assert "Script: plays-written/script-1.txt" in printed
    assert len((home / "plays-written/script-1.txt").read_text().split()) > 10
