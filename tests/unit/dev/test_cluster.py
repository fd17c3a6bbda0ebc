"""A machine that cannot run a node gets the reason before anything starts. Machines that can: tests/node."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster import __main__ as program_of_clusters
from dev.cluster import preflight
from dev.processes import Program


def test_why_a_machine_is_unfit_is_one_line_for_ci_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["dev.cluster", "--why-not"])
    assert program_of_clusters.main() == 0
    assert capsys.readouterr().out == "a node needs Linux and root: it makes cgroups, mounts and a network bridge\n"


class OneProgram:
    """A node whose only program starts; then this process is sent a signal, if one is set."""

    then = 0
    etcd: Program

    def __init__(self, _runtime: object) -> None:
        OneProgram.etcd = Program("etcd", ["sleep", "100"], program_of_clusters.STATE / "etcd.log")
        self.programs = [self.etcd]

    def start(self) -> None:
        self.etcd.start()
        (recorded,) = json.loads(program_of_clusters.RECORD.read_text())
        assert (recorded["name"], recorded["pid"]) == ("etcd", self.etcd.pid), "a SIGKILL from now on leaves a record"
        os.kill(os.getpid(), self.then)

    def start_kubelet(self) -> None:
        return


@pytest.fixture
def startable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `make cluster` start OneProgram, and end that afterwards."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(program_of_clusters, "STATE", tmp_path / "state")
    monkeypatch.setattr(program_of_clusters, "RECORD", tmp_path / "record.json")
    monkeypatch.setattr(program_of_clusters, "Node", OneProgram)
    monkeypatch.setattr(preflight, "check", lambda _folder: None)
    monkeypatch.setattr("sys.argv", ["dev.cluster"])
    yield
    for each, handler in handlers.items():
        signal.signal(each, handler)
    OneProgram.etcd.stop()


@pytest.mark.usefixtures("startable")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_cluster_that_can_be_stopped(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(number, signal.SIG_DFL)
    monkeypatch.setattr(OneProgram, "then", number)
    with pytest.raises(SystemExit) as ended:
        program_of_clusters.main()
    assert ended.value.code == 128 + number
    (recorded,) = json.loads(program_of_clusters.RECORD.read_text())
    assert program_of_clusters.is_alive(recorded)
