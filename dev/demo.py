"""The main job on one machine: plays in, a new script out, through a ScriptModel.

`make demo` runs it. Only the standard library is used, because it makes the environments itself. `--keep` leaves
everything running; `--stop` ends what earlier runs left.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from dev.gobuild import BuildError
from dev.paths import OPERATOR_ENV, ROOT
from dev.processes import Program, StartError, has_ended, run_shown, start_time, stop_group
from dev.stack import ControlPlane, Localpach, Operator

NAME = "shakespeare"
SAMPLE = Path("manifests/samples/shakespeare.yaml")
RUNS = ROOT / "build" / "demo"
PYTHON = OPERATOR_ENV / "bin" / "python"
LEFT_OUT = ("MODEL COMMIT", "MESSAGE")
"""Columns of `kubectl get -o wide` that are too wide for a terminal."""
TRAINING_LIMIT = 20 * 60
"""Seconds after which a script that is not there counts as a failure: many times what a slow machine needs."""


class StageError(Exception):
    """A stage could not do its work; `log` is where to read on."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


@dataclass
class Demo:
    """One run: its folder and what it has started, in the order of starting."""

    folder: Path
    stack: ExitStack
    control_plane: ControlPlane = field(init=False)
    localpach: Localpach = field(init=False)
    operator: Operator = field(init=False)

    def environments(self) -> None:
        """Make the two Python environments from the lock files."""
        self._run("environments", ["dev/env.sh"])

    def build_control_plane(self) -> None:
        """Build kube-apiserver, etcd and kubectl, or find them."""
        self._run("control-plane", [sys.executable, "-m", "dev.binaries"])

    def start(self) -> None:
        """Start the API server, localpach and the operator; install the CRD before the operator looks for it."""
        self.control_plane = self.stack.enter_context(ControlPlane(self.folder / "control-plane"))
        say(f"kube-apiserver  {self.control_plane.server}")
        self._kubectl("apply", "-f", "manifests/crd.yaml")
        self.control_plane.wait_for_definitions()
        self.localpach = self.stack.enter_context(Localpach(self.folder / "localpach"))
        say(f"localpach       {self.localpach.address}")
        options = ["--poll-interval=2"]
        operator = Operator(self.folder, self.control_plane.kubeconfig, self.localpach.address, options=options)
        self.operator = self.stack.enter_context(operator)
        say(f"operator        pid {self.operator.pid}")

    def put_corpus(self) -> None:
        """Put the plays into the repo that the sample names, as one commit."""
        self._run("corpus", [str(PYTHON), "-m", "dev.corpus", "--pachd", self.localpach.address, "--repo", NAME])

    def apply(self) -> None:
        """Apply the sample, as a person would."""
        self._kubectl("apply", "-f", str(SAMPLE))

    def watch(self) -> None:
        """Show `kubectl get scriptmodels` each time it says something new, until the script is there."""
        table = Table(widths={"STATUS": len("WaitingForWorker")})
        deadline = time.monotonic() + TRAINING_LIMIT
        while True:
            for line in table.news(self._kubectl("get", "scriptmodels", NAME, "--output=wide", quiet=True)):
                say(line)
            conditions = self._conditions()
            if conditions.get("Ready", {}).get("status") == "True":
                return
            self._check_alive()
            stalled = conditions.get("Stalled", {})
            if stalled.get("status") == "True":
                raise StageError(f"{stalled.get('reason')}: {stalled.get('message')}", self.operator.log)
            if time.monotonic() > deadline:
                raise StageError(f"no script after {TRAINING_LIMIT // 60} minutes", self.operator.log)
            time.sleep(2)

    def show_script(self) -> None:
        """Fetch the whole script and print its first 30 lines."""
        target = self.folder / "new_script.txt"
        where = [f"--kubeconfig={self.control_plane.kubeconfig}", f"--pachd={self.localpach.address}"]
        command = [str(OPERATOR_ENV / "bin" / "scriptmodel"), *where, "script", NAME, f"--out={target}"]
        self._run("script", command)
        lines = target.read_text(encoding="utf-8").splitlines()
        print("\n" + "\n".join(f"    {line}" for line in lines[:30]) + "\n", flush=True)
        say(f"the whole script, {len(lines)} lines: {target.relative_to(ROOT)}")

    def keep(self) -> None:
        """Write down what runs, for `make demo-stop`, and say how to go on."""
        programs = [self.operator, self.localpach, *reversed(self.control_plane.programs)]
        record = [{"name": p.name, "pid": p.pid, "started": start_time(p.pid)} for p in programs]
        (self.folder / "running.json").write_text(json.dumps(record, indent=2))
        self.stack.pop_all()  # they go on when this process ends
        print(
            HOW_TO_GO_ON.format(
                name=NAME,
                sample=SAMPLE,
                kubeconfig=self.control_plane.kubeconfig,
                pachd=self.localpach.address,
                binaries=self.control_plane.kubectl_program.parent,
                commands=OPERATOR_ENV / "bin",
                log=self.operator.log,
            )
        )

    def _conditions(self) -> dict[str, dict[str, str]]:
        found = json.loads(self._kubectl("get", "scriptmodel", NAME, "--output=json", quiet=True))
        conditions: list[dict[str, str]] = found.get("status", {}).get("conditions", [])
        return {condition["type"]: condition for condition in conditions}

    def _check_alive(self) -> None:
        programs: list[Program] = [*self.control_plane.programs, self.localpach, self.operator]
        for program in programs:
            if not program.running:
                raise StageError(f"{program.name} ended by itself:\n{program.tail()}", program.log)

    def _kubectl(self, *args: str, quiet: bool = False) -> str:
        if not quiet:
            say(f"$ kubectl {shlex.join(args)}")
        try:
            out = self.control_plane.kubectl(*args).stdout
        except subprocess.CalledProcessError as error:
            raise StageError(f"kubectl {shlex.join(args)}: {error.stderr.strip()}", self.operator_log) from error
        if not quiet:
            for line in out.splitlines():
                say(line)
        return out

    @property
    def operator_log(self) -> Path:
        """The operator's log, or the API server's as long as there is no operator."""
        return self.operator.log if hasattr(self, "operator") else self.control_plane.apiserver.log

    def _run(self, name: str, command: list[str]) -> None:
        """Run a command of ours, its output both shown and kept."""
        log = self.folder / f"{name}.log"
        status = run_shown(command, log, ROOT, say)
        if status:
            raise StageError(f"`{shlex.join(command)}` ended with status {status}", log)


HOW_TO_GO_ON = """
Everything is left running. To go on, in this folder:
  export KUBECONFIG={kubeconfig} SCRIPTMODEL_PACHD={pachd}
  export PATH={binaries}:{commands}:$PATH
  kubectl describe scriptmodel {name}
  kubectl edit scriptmodel {name}           # another generation.temperature: a new script, without training
  sed 's/^  name: .*/  name: again/' {sample} | kubectl apply -f -     # another ScriptModel
  scriptmodel why {name}
  tail -f {log}                             # the operator's log
`make demo-stop` ends all of it.
"""


def say(text: str) -> None:
    """Print a line below the stage it belongs to."""
    print(f"    {text}", flush=True)


@dataclass
class Table:
    """What `kubectl get -o wide` prints of one object again and again, as one table that grows when a cell changes."""

    widths: dict[str, int]
    last: dict[str, str] = field(default_factory=dict)

    def news(self, printed: str) -> list[str]:
        """Return the lines to add: none if only the age has changed, the header too at the first call."""
        header, row = printed.splitlines()[:2]
        columns = [(found[0], found.start()) for found in re.finditer(r"\S+(?: \S+)*", header)]
        bounds = [*(start for _, start in columns), len(row) + 1]
        spans = zip(columns, pairwise(bounds), strict=True)
        cells = {name: row[start:end].strip() for (name, _), (start, end) in spans if name not in LEFT_OUT}
        lines = [] if self.last else [list(cells)]
        if any(cells[name] != self.last.get(name) for name in cells if name != "AGE"):
            lines.append(list(cells.values()))
        self.last = cells
        for name, cell in cells.items():
            self.widths[name] = max(self.widths.get(name, 0), len(name), len(cell))
        widths = [self.widths[name] for name in cells]
        return ["   ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


@contextmanager
def _stage(number: int, of: int, title: str, folder: Path) -> Iterator[None]:
    print(f"[{number}/{of}] {title}", flush=True)
    started = time.monotonic()
    try:
        yield
    except (StageError, StartError, BuildError, OSError) as error:
        log = error.log if isinstance(error, StageError) else folder
        print(
            f"demo: stage {number} of {of} failed ({title}): {error}\ndemo: see {log}",
            file=sys.stderr,
            flush=True,
        )
        raise SystemExit(1) from error
    say(f"({time.monotonic() - started:.0f} s)")


def run(keep: bool) -> None:
    """Run all stages; SystemExit(1) at the first that fails. What was started ends with it, unless `keep`."""
    started = time.monotonic()
    folder = RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        demo = Demo(folder, stack)
        stages: list[tuple[str, Callable[[], None]]] = [
            ("Install the two environments from their lock files", demo.environments),
            ("Build or find kube-apiserver, etcd and kubectl", demo.build_control_plane),
            ("Start the control plane, localpach and the operator", demo.start),
            ("Put 38 plays into the Pachyderm repo shakespeare", demo.put_corpus),
            ("Apply the ScriptModel", demo.apply),
            ("Train: kubectl get scriptmodels -o wide", demo.watch),
            ("Read the new script", demo.show_script),
        ]
        for number, (title, action) in enumerate(stages, 1):
            with _stage(number, len(stages), title, folder):
                action()
        print(f"demo: done in {time.monotonic() - started:.0f} s", flush=True)
        if keep:
            demo.keep()


def stop() -> None:
    """End everything that earlier runs with `--keep` left running."""
    for record in RUNS.glob("*/running.json"):
        for program in json.loads(record.read_text()):
            if not has_ended(program["pid"], program["started"]):
                print(f"demo: ending {program['name']} (pid {program['pid']})", flush=True)
                stop_group(program["pid"], 20.0, partial(has_ended, program["pid"], program["started"]))
        record.unlink()


def _terminated(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> int:
    """Run or stop the demo."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running and say how to go on")
    parser.add_argument("--stop", action="store_true", help="end what earlier runs with --keep left running")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGHUP, _terminated)
    try:
        stop() if args.stop else run(args.keep)
    except KeyboardInterrupt:
        print("\ndemo: interrupted; what it started has been ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
