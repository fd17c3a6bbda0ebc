"""A machine that cannot run a node gets the reason before anything starts. Machines that can: tests/node."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster import __main__ as program_of_clusters
from dev.cluster import leftovers, network, preflight
from dev.processes import Program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def routes(folder: Path, *found: dict[str, str]) -> None:
    program(folder, "ip", f"echo '{json.dumps(found)}'")


def test_why_a_machine_is_unfit_is_one_line_for_ci_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["dev.cluster", "--why-not"])
    assert program_of_clusters.main() == 0
    assert capsys.readouterr().out == "a node needs Linux and root: it makes cgroups, mounts and a network bridge\n"


def test_a_route_into_the_pod_network_is_reported(path: Path) -> None:
    routes(path, {"dst": "default", "dev": "eth0"}, {"dst": "10.231.7.0/24", "dev": "tun0"})
    assert network.taken_by() == "10.231.7.0/24 dev tun0"


def mounted(monkeypatch: pytest.MonkeyPatch, folder: Path, *points: str) -> Path:
    """Replace the kernel's table of mounts."""
    table = folder / "mountinfo"
    table.write_text("".join(f"36 35 0:1 / {point} rw,relatime - overlay overlay rw\n" for point in points))
    monkeypatch.setattr(leftovers, "MOUNTS", table)
    return table


def test_a_mount_whose_path_has_a_space_is_unmounted(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = mounted(monkeypatch, tmp_path, "/", r"/a\040b/state/pod", "/a/state")
    program(path, "umount", f'echo "$1" >> {tmp_path}/unmounted; : > {table}')
    leftovers.unmount(Path("/a b/state"))
    assert (tmp_path / "unmounted").read_text() == "/a b/state/pod\n"


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
    assert program_of_clusters.is_alive(program_of_clusters._programs()["etcd"])
