"""The bench of the operator's scale, with few objects: that it runs, and what does not depend on the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Three programs, each with its own control plane, on whatever machine.
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]
MANY = 6


@pytest.fixture(scope="module")
def table() -> dict[str, list[float]]:
    """Figures of the operator, the plain loop and the loop with pipelines, by row."""
    command = [sys.executable, "-m", "dev.bench.operator", f"--objects={MANY}", "--changes=4", "--idle=2"]
    command += ["--limit=100", "--naive-limit=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines() if line[:2] == "| "
    ]
    return {row[0]: [float(cell) for cell in row[1:] if cell != "-"] for row in rows[1:]}


def test_each_object_costs_two_writes_besides_events(table: dict[str, list[float]]) -> None:
    assert table["handled"] == [MANY, MANY, MANY]
    ours, *loops = table["first start: writes to the API server"]
    assert loops == [2 * MANY, 2 * MANY]
    assert 2 * MANY <= ours <= 4 * MANY, "at most two events for each"


def test_both_make_two_pipelines_for_each_object_in_one_transaction(table: dict[str, list[float]]) -> None:
    ours, plain, pipelines = table["first start: pachd calls per object"]
    assert (plain, pipelines) == (0, 4)
    assert ours > 4, "it polls, too"


def test_existing_pipelines_cost_two_writes_and_are_not_created_again(table: dict[str, list[float]]) -> None:
    ours, plain = table["pipelines there: writes to the API server"]
    assert plain == 2 * MANY
    assert 2 * MANY <= ours <= 4 * MANY, "at most two events for each"
    assert table["pipelines there: pipelines written"][0] == 0


def test_nothing_is_written_at_a_restart_or_when_idle(table: dict[str, list[float]]) -> None:
    assert table["restart: writes to the API server"] == [0, 0, 0]
    assert table["idle 2 s: writes to the API server"] == [0, 0, 0]
