"""A Kubernetes cluster of one node on this machine, with our images in it: `make cluster`, `make cluster-stop`.

Everything that it starts is a process of this machine. State lies in build/cluster; the images in build/cluster/images
outlive the cluster, so that they are unpacked once.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from dev.cluster import leftovers, network, preflight
from dev.cluster.node import Node
from dev.cluster.runtime import OURS, NoImageError, load, ours
from dev.images.engine import EngineError
from dev.paths import ROOT
from dev.processes import StartError, end, is_alive, noted, raise_on_signals
from dev.programs.built import find_or_build
from dev.programs.debian import MissingProgramError
from dev.programs.gobuild import BuildError

STATE = OURS.root
RECORD = STATE.parent / "running.json"

FAILURES = (
    preflight.UnfitMachineError,
    MissingProgramError,
    NoImageError,
    EngineError,
    BuildError,
    StartError,
    subprocess.CalledProcessError,
    OSError,
)


def up() -> None:
    """Start the cluster, unless it runs, and see that it has the images as they are now."""
    found = _programs()
    if "kubelet" in found and all(map(is_alive, found.values())):
        with _stage("images"):
            load(OURS, ours())
        return
    stop()
    with _stage("this machine"):
        preflight.check(OURS.images)
    with _stage("programs"):
        STATE.mkdir(parents=True, exist_ok=True)  # what was interrupted while it built them left it empty
        node = Node(OURS)
    for program in node.programs:
        program.on_start = partial(_record, node)
    try:
        with _stage("control plane, containerd"):
            node.start()
        with _stage("images"):
            load(OURS, ours())
        with _stage("node"):
            node.start_kubelet()
    finally:
        _record(node)


def why_not() -> str:
    """Return why this machine can never run a node; empty if it can."""
    try:
        preflight.check_machine(OURS.images)
    except preflight.UnfitMachineError as error:
        return str(error)
    return ""


def stop() -> None:
    """End the cluster: its pods, its programs and what they left, but for the images."""
    if not RECORD.exists():
        return
    programs = _programs()
    for name in ("kube-controller-manager", "kube-scheduler"):  # or they would make the pods again
        if name in programs:
            end(programs.pop(name))
    if OURS.answers():
        leftovers.delete_pods(OURS, STATE / "kubeconfig")
    if "kubelet" in programs:
        end(programs.pop("kubelet"))
    if OURS.answers():
        leftovers.end_containers(OURS)
    for program in reversed(programs.values()):
        end(program)
    leftovers.unmount(STATE)
    leftovers.remove_cgroups()
    network.down()
    if STATE.exists():  # a stop may have been interrupted before the last line
        shutil.rmtree(STATE)
    RECORD.unlink(missing_ok=True)


def _programs() -> dict[str, dict[str, Any]]:
    if not RECORD.exists():
        return {}
    return {program["name"]: program for program in json.loads(RECORD.read_text())}


def _record(node: Node) -> None:
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(noted(node.programs), indent=2))


@contextmanager
def _stage(title: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"cluster: {time.monotonic() - started:4.0f} s  {title}", flush=True)


def main() -> int:
    """Start or stop the cluster."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.cluster", description=__doc__)
    parser.add_argument("--stop", action="store_true", help="end the cluster")
    parser.add_argument("--why-not", action="store_true", help="say why this machine cannot run one; nothing if it can")
    args = parser.parse_args()
    raise_on_signals()
    try:
        if args.why_not:
            if reason := why_not():
                print(reason)
            return 0
        stop() if args.stop else up()
    except KeyboardInterrupt:
        print("\ncluster: interrupted; `make cluster-stop` ends what it started", file=sys.stderr)
        return 130
    except FAILURES as error:
        print(f"cluster: {error}\ncluster: logs are in {STATE.relative_to(ROOT)}", file=sys.stderr)
        for note in getattr(error, "__notes__", []):
            print(f"cluster: {note}", file=sys.stderr)
        return 1
    if _programs():
        kubeconfig, binaries = (shlex.quote(str(path)) for path in (STATE / "kubeconfig", find_or_build()))
        print(f"export KUBECONFIG={kubeconfig} PATH={binaries}:$PATH")
    return 0


if __name__ == "__main__":
    sys.exit(main())
