"""Tests `make demo` when a stage fails or a user stops it; that it succeeds is a stage of CI."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from dev.paths import ROOT
from dev.processes import has_ended, start_time

COMMAND = ["dev/demo.sh", "4"]


def descendants(pid: int) -> dict[int, str]:
    """Return the processes below `pid`, by pid, with what distinguishes each from a later one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == pid:
                    found[int(entry.name)] = start_time(int(entry.name))
                    found |= descendants(int(entry.name))
            except OSError:
                continue  # it ended while we looked
    return found


def test_a_signal_ends_everything_that_the_demo_started() -> None:
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        for line in demo.stdout or ():
            if line.startswith("[3/"):
                break
        running = descendants(demo.pid)
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
    assert re.fullmatch(r"demo: stage 1 of 6 failed \(.+\): .*lacks etcd, kube-apiserver, kubectl.*", what)
    assert "lacks etcd, kube-apiserver, kubectl" in Path(log.removeprefix("demo: log: ")).read_text()
    assert remedy.startswith("demo: try: ")


def test_what_is_kept_is_ended_by_another_process(tmp_path: Path) -> None:
    running = tmp_path / "running"
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as kept:
        running.write_text(f"1 0 another\n{kept.pid} {start_time(kept.pid)} server\n")
        subprocess.run(["bash", "-c", f"source dev/demo.sh && end_of {running}"], cwd=ROOT, check=True)
    assert kept.returncode == -signal.SIGTERM
    assert not running.exists()
