"""Tests `make demo` when a stage fails or a user stops it; that it succeeds is a stage of CI."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from dev.paths import ROOT
from dev.processes import has_ended, start_time

COMMAND = [sys.executable, "-m", "dev.demo"]


def children(pid: int) -> dict[int, str]:
    """Return the processes that `pid` started, by pid, with what distinguishes each from a later one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == pid:
                    found[int(entry.name)] = start_time(int(entry.name))
            except OSError:
                continue  # it ended while we looked
    return found


def test_a_signal_ends_everything_that_the_demo_started() -> None:
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        for line in demo.stdout or ():
            if line.startswith("[4/"):
                break
        running = children(demo.pid)
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGHUP)  # as a terminal that is closed right then does
        demo.communicate(timeout=60)
    assert demo.returncode in (128 + signal.SIGINT, 128 + signal.SIGHUP), "whichever it met first"
    assert len(running) >= 4, "etcd, kube-apiserver, localpach and the operator"
    deadline = time.monotonic() + 60
    while left := [pid for pid, started in running.items() if not has_ended(pid, started)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def test_a_failing_stage_is_named_with_its_log_and_a_remedy(tmp_path: Path) -> None:
    env = {**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path)}
    done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    what, log, remedy = done.stderr.splitlines()[-3:]
    assert re.fullmatch(r"demo: stage 2 of 7 failed \(.+\): .*lacks etcd, kube-apiserver, kubectl.*", what)
    assert "lacks etcd, kube-apiserver, kubectl" in Path(log.removeprefix("demo: log: ")).read_text()
    assert remedy.startswith("demo: try: ")


def test_the_demo_needs_only_the_standard_library() -> None:
    python = shutil.which("python3") or sys.executable
    done = subprocess.run(
        [python, "-S", "-m", "dev.demo", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--keep" in done.stdout
