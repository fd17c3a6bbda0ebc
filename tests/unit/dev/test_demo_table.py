"""The demo repeats `kubectl get` as one aligned table that grows at milestones only."""

from typing import Any

import pytest

from dev.demo.table import Display, Table


def printed(status: str, epoch: str, age: str) -> str:
    width = max(len(status), len("STATUS")) + 3
    header = f"NAME    {'STATUS'.ljust(width)}EPOCH   {'AGE'.ljust(6)}MODEL   ETA"
    return f"{header}\nplays   {status.ljust(width)}{epoch.ljust(8)}{age.ljust(6)}{'0123'.ljust(8)}7s"


def model(reason: str = "Training", percent: int = 0, **training: Any) -> dict[str, Any]:
    progress = {"epochProgress": f"{1 + percent * 3 // 101}/3", "progressPercent": percent}
    conditions = [{"type": "Ready", "status": str(reason == "Generated"), "reason": reason}]
    return {"status": {"conditions": conditions, "training": progress | training}}


@pytest.fixture
def row(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what a display prints of an object."""

    def show(display: Display, found: dict[str, Any]) -> str:
        if display.wants(found):
            progress = found["status"]["training"]
            seen = f"{progress['epochProgress']} {progress.get('perplexity', '')}"
            display.show(found, printed(found["status"]["conditions"][0]["reason"], seen, "5s"))
        return capsys.readouterr().out

    return show


def test_the_header_is_printed_once_and_columns_stay_aligned() -> None:
    table = Table({"STATUS": 10})
    first = table.rows(printed("Pending", "", "2s"), "")
    second = table.rows(printed("Training", "1/3", "5s"), "43%")
    assert first == ["NAME    STATUS       EPOCH   AGE   ETA   PROGRESS", "plays   Pending              2s    7s"]
    assert second == ["plays   Training     1/3     5s    7s    43%"]


@pytest.mark.parametrize(
    "later",
    [
        model("Generating", percent=40),
        model(percent=44),  # the thirteenth tenth of an epoch
        model(percent=40, perplexity={"valid": "80.1"}),
        model(percent=40, perplexity={"test": "79.0"}),
    ],
    ids=["stage", "tenth", "validation", "test"],
)
def test_each_relevant_change_is_a_row(later: dict[str, Any], row: Any) -> None:
    display = Display(terminal=False)
    row(display, model(percent=40))
    assert row(display, later).startswith("    plays")


def test_running_figures_are_no_row_off_a_terminal(row: Any) -> None:
    display = Display(terminal=False)
    first = row(display, model(percent=40, wordsPerSecond=100, perplexity={"train": "90.0"}))
    assert len(first.splitlines()) == 2
    assert row(display, model(percent=42, wordsPerSecond=120, eta="7s", perplexity={"train": "80.0"})) == ""


def test_on_a_terminal_the_newest_row_is_redrawn_in_place(row: Any) -> None:
    display = Display(terminal=True)
    row(display, model(percent=40))
    redrawn = row(display, model(percent=42))
    assert redrawn.startswith("\r\033[K")
    assert redrawn.endswith("42%")
    assert row(display, model(percent=50)).endswith("50%\n")


def test_a_row_that_kubectl_has_shown_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """The row is read a moment after the object."""
    display = Display(terminal=False)
    display.show(model("Generating", percent=100), printed("Generated", "3/3", "5s"))
    display.show(model("Generated", percent=100), printed("Generated", "3/3", "7s"))
    assert capsys.readouterr().out.count("Generated") == 1
