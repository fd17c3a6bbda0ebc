"""The line that closes `make test`."""

import subprocess
from pathlib import Path

import pytest

from dev.paths import ROOT

MAKEFILE = """
passes:
\t@echo "===== 1203 passed, 2 skipped, 1 rerun in 300.10s (0:05:00) ====="
fails:
\t@echo "== 3 failed, 10 passed, 1 error in 3.20s =="; exit 1
breaks:
\t@exit 2
"""


@pytest.mark.parametrize(
    ("suites", "status", "line"),
    [
        (["passes"], 0, "1203 passed, 0 failed, 2 skipped"),
        (["fails", "breaks", "passes"], 1, "failed: fails breaks\n1213 passed, 4 failed, 2 skipped"),
        (["breaks"], 1, "failed: breaks\n0 passed, 1 failed, 0 skipped"),
    ],
)
def test_all_suites_run_and_one_line_counts_their_tests(
    suites: list[str], status: int, line: str, tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    command = [ROOT / "dev/suites.sh", "make", "--keep-going", *suites]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert f"\n{line} in " in done.stdout
