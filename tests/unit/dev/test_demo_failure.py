"""A failure in any stage of the demo is reported in three lines, without a traceback."""

import errno
import itertools
import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from dev.demo import __main__ as demo
from dev.demo import stages
from dev.demo.failure import StageError
from dev.demo.stages import Demo
from dev.processes import StartError
from dev.programs.gobuild import BuildError

STAGES = ("environments", "build_control_plane", "start", "put_corpus", "apply", "watch", "show_results", "keep")
FAILURES: dict[str, Callable[[Path], Exception]] = {
    "stage": lambda log: StageError("the corpus is empty", log),
    "program": lambda log: StartError("etcd ended at once", log),
    "build": lambda _log: BuildError("`go build` failed with status 1\nmore of it"),
    "command": lambda _log: subprocess.CalledProcessError(1, ["kubectl", "get"], "", "error: no such kind\nhint"),
    "disk": lambda _log: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "etcd/db"),
    "bug": lambda _log: KeyError("status"),
}
CAUSES = {
    "stage": "the corpus is empty",
    "program": "etcd ended at once: fatal: address in use",
    "build": "`go build` failed with status 1",
    "command": "error: no such kind",
    "disk": "No space left on device: 'etcd/db'",
    "bug": "KeyError: 'status'",
}


def run_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, stage: str, failure: str
) -> list[str]:
    """Run the demo with every stage replaced: one fails, those before it succeed. Return the lines on stderr."""
    log = tmp_path / "program.log"
    log.write_text("starting\nfatal: address in use\nbye\n")

    def fail(_self: Demo) -> None:
        raise FAILURES[failure](log)

    for name in STAGES:
        monkeypatch.setattr(Demo, name, fail if name == stage else lambda _self: None)
    with pytest.raises(SystemExit) as ended:
        demo.run(keep=True, runs=tmp_path / "runs")
    assert ended.value.code == 1
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("stage", "failure"), [*((stage, "bug") for stage in STAGES), *(("start", failure) for failure in FAILURES)]
)
def test_a_failure_is_three_lines(
    stage: str, failure: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    what, log, remedy = run_with(monkeypatch, capsys, tmp_path, stage, failure)
    assert what.startswith(f"demo: stage {STAGES.index(stage) + 1} of 8 failed (")
    assert what.endswith(CAUSES[failure])
    assert Path(log.removeprefix("demo: log: ")).is_file()
    assert remedy.startswith("demo: try: ")
    assert "make demo" in remedy


def test_a_failed_command_is_reported_with_its_output(tmp_path: Path) -> None:
    started = Demo(tmp_path, ExitStack())
    script = "echo resolving; echo 'error: no route to host'; echo giving up; exit 3"
    with pytest.raises(StageError, match=r"^error: no route to host$") as raised:
        started._run("environments", ["sh", "-c", script])
    assert raised.value.log.read_text().endswith("giving up\n")


def test_a_training_may_take_any_time_while_its_status_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seconds = itertools.count(step=100)
    moving = [{"status": {"training": {"progressPercent": percent}}} for percent in range(30)]
    seen = iter([*moving, *itertools.repeat(moving[-1], 30)])
    monkeypatch.setattr(stages.time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(stages.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(Demo, "_model", lambda _self: next(seen))
    monkeypatch.setattr(Demo, "_is_ready", lambda *_given: False)
    monkeypatch.setattr(Demo, "_check_alive", lambda _self: None)
    run = Demo(tmp_path, ExitStack())
    run.operator = SimpleNamespace(log=tmp_path / "operator.log")  # type: ignore[assignment]  # all that is read of it
    with pytest.raises(StageError, match="no progress for 10 minutes"):
        run.watch()
    left = len(list(seen))
    assert 0 < left < 30
