"""`make docs-version`: the folder that the documentation's alias `latest` leads to."""

import os
import subprocess
from pathlib import Path

from dev.paths import OPERATOR_ENV, ROOT


def run(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_MKDOCS_2_WARNING": "1", **names}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def test_a_patch_of_an_older_minor_version_leaves_latest_at_the_newest(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Plays\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: plays\nplugins: [mike]\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Add a page")):
        run(tmp_path, "git", *words)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    make = ("make", "-f", str(ROOT / "dev/Makefile"), "--old-file=env", "docs-version", f"OPERATOR={OPERATOR_ENV}")
    for version, listed in (
        ("0.9.0", "0.9 [latest]\n"),
        ("0.10.0", "0.10 [latest]\n0.9\n"),
        ("0.9.1", "0.10 [latest]\n0.9\n"),
        ("0.10.1", "0.10 [latest]\n0.9\n"),
    ):
        run(tmp_path, *make, f"VERSION={version}")
        assert run(tmp_path, str(OPERATOR_ENV / "bin/mike"), "list") == listed, version
    assert "latest/" in run(tmp_path, "git", "show", "gh-pages:index.html")
