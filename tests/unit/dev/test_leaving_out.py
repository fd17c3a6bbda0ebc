"""A feature can be left out: without its folders, and its lines in lists and classes of the API, all else is whole."""

import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from dev.paths import ROOT

LISTS = (
    "operator/src/scriptmodel_operator/features.py",
    "operator/src/scriptmodel_operator/api/spec.py",
    "operator/src/scriptmodel_operator/api/status.py",
    "operator/src/scriptmodel_cli/features.py",
    "operator/src/scriptmodel_cli/main.py",
)
FEATURES = ("promotion", "search")
TESTS = ("test_recorded_life.py", "test_life_training.py", "test_command_status.py", "test_command_why.py")


@pytest.mark.parametrize("feature", FEATURES)
def test_only_lists_and_classes_of_the_api_name_a_feature(feature: str) -> None:
    named = set()
    for path in (ROOT / "operator/src").rglob("*.py"):
        relative = path.relative_to(ROOT)
        with path.open("rb") as file:
            names = [each.string for each in tokenize.tokenize(file.readline) if each.type == tokenize.NAME]
        modules = re.findall(r"^(?:from|import) \S+", path.read_text(), re.MULTILINE)
        words = [*modules, *(name for name in names if name != "search")]  # which patterns have, too
        if feature not in relative.parts and any(feature in word.lower() for word in words):
            named.add(str(relative))
    assert named <= set(LISTS)


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES)
def test_the_operator_and_the_command_are_whole_without_a_feature(feature: str, tmp_path: Path) -> None:
    parts = ("operator/src", "dev", "tests/unit/operator", "pyproject.toml")
    for each in (*parts, *(path.relative_to(ROOT) for path in ROOT.glob("tests/*.py"))):
        source, target = ROOT / each, tmp_path / each
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for path in list(tmp_path.rglob(f"*{feature}*")):  # and what is named after it, such as tests of two features
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for each in LISTS:
        lines = (tmp_path / each).read_text().splitlines(keepends=True)
        named = re.compile(rf"(?!\s*\"\"\").*\b{feature}", re.IGNORECASE)  # docstrings of other fields may name it
        kept = [line for line in lines if not named.match(line)]
        assert len(kept) < len(lines)
        (tmp_path / each).write_text("".join(kept))

    environment = {"PYTHONPATH": "operator/src:.", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def succeed(*command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    succeed("mypy", "operator/src")
    succeed("pytest", "-q", "-n", "0", *(f"tests/unit/operator/{each}" for each in TESTS))
