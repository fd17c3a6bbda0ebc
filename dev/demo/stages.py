"""The stages of the demo: from two lock files to a new script. Only the standard library is used here."""

import json
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.demo.ending import Left
from dev.demo.failure import Stage, StageError, last_words
from dev.demo.table import Display, ready_condition
from dev.paths import OPERATOR_ENV, ROOT, TRAINER_ENV
from dev.processes import Program, free_port, noted
from dev.stack import ControlPlane, Localpach, Operator

NAME = "shakespeare"
SAMPLE = Path("manifests/samples/shakespeare.yaml")
RECORD = "running.json"
"""File in a run's folder that names the processes that it left running."""
SILENCE_LIMIT = 10 * 60
"""Seconds without any change of the object's status that are a failure; a training reports its progress."""


def say(text: str) -> None:
    """Print a line below the stage it belongs to."""
    print(f"    {text}", flush=True)


def _finish(program: Program) -> None:
    """Show what a program prints until it ends. Raises StageError if it failed."""
    if status := program.follow(say):
        raise StageError(last_words(program.log) or f"{program.name} ended with status {status}", program.log)


@dataclass
class Demo:
    """One run: its folder and what it has started, in the order of starting."""

    folder: Path
    stack: ExitStack
    plays: int = 38
    build: Program = field(init=False)
    control_plane: ControlPlane = field(init=False)
    localpach: Localpach = field(init=False)
    operator: Operator = field(init=False)
    pages: Program = field(init=False)
    health: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    """Where the operator serves its metrics."""

    def environments(self) -> None:
        """Make the two Python environments from the lock files; the control plane is built meanwhile."""
        self._run("tools", ["dev/env.sh", "tools"])  # with uv, which installs Go
        command = [sys.executable, "-m", "dev.programs.binaries"]
        self.build = self.stack.enter_context(self._program("control-plane", command))
        self._run("environments", ["dev/env.sh"])

    def build_control_plane(self) -> None:
        """Find, download or build kube-apiserver, etcd and kubectl: print the progress of what stage 1 has started."""
        _finish(self.build)

    def start(self) -> None:
        """Start the API server, localpach and the operator; install the CRD before the operator needs it."""
        self.control_plane = self.stack.enter_context(ControlPlane(self.folder / "control-plane"))
        say(f"kube-apiserver  {self.control_plane.server}")
        self._kubectl("apply", "-f", "manifests/crd.yaml")
        self.control_plane.wait_for_definitions()
        self.localpach = self.stack.enter_context(Localpach(self.folder / "localpach", host="127.0.0.1"))
        say(f"localpach       {self.localpach.address}")
        options = ["--poll-interval=2", f"--health-listen={self.health}"]
        options += [f"--pachd-token-file={self.localpach.token_file}"]
        operator = Operator(self.folder, self.control_plane.kubeconfig, self.localpach.address, options=options)
        self.operator = self.stack.enter_context(operator)
        say(f"operator        pid {self.operator.pid}, metrics at http://{self.health}/metrics")

    def put_corpus(self) -> None:
        """Push the plays to the repo that the sample names, as one commit."""
        plays, program = self.folder / "plays", [str(OPERATOR_ENV / "bin" / "python"), "-m", "dev.demo.plays"]
        self._run("plays", [*program, str(plays), f"--first={self.plays}"])
        self._scriptmodel("push", str(plays.relative_to(ROOT)), f"--repo={NAME}", "--create")

    def apply(self) -> None:
        """Apply the sample, as a person would."""
        self._kubectl("apply", "-f", str(SAMPLE))

    def watch(self) -> None:
        """Print a row of `kubectl get scriptmodels` at each milestone, until the script exists."""
        display = Display()
        status, changed = None, time.monotonic()
        try:
            while not self._is_ready(found := self._model(), display):
                self._check_alive()
                if found.get("status") != status:
                    status, changed = found.get("status"), time.monotonic()
                elif time.monotonic() > changed + SILENCE_LIMIT:
                    text = f"no progress for {SILENCE_LIMIT // 60} minutes"
                    raise StageError(text, self.operator.log)
                time.sleep(2)
        finally:
            display.clear()

    def _is_ready(self, found: dict[str, Any], display: Display) -> bool:
        if display.wants(found):
            display.show(found, self._kubectl("get", "scriptmodels", NAME, "--output=wide", quiet=True))
        stalled = ready_condition(found, "Stalled")
        if stalled.get("status") == "True":
            raise StageError(f"{stalled.get('reason')}: {stalled.get('message')}", self.operator.log)
        return ready_condition(found).get("status") == "True"

    def show_results(self) -> None:
        """Fetch the report and the whole script, and print the script's first 30 lines."""
        target = self.folder / "new_script.txt"
        self._scriptmodel("report", NAME, f"--out={self.report.relative_to(ROOT)}")
        self._scriptmodel("script", NAME, f"--out={target.relative_to(ROOT)}")
        lines = target.read_text(encoding="utf-8").splitlines()
        print("\n" + "\n".join(f"    {line}" for line in lines[:30]) + "\n", flush=True)
        say(f"the whole script, {len(lines)} lines: {target.relative_to(ROOT)}")

    @property
    def report(self) -> Path:
        """The path to which `show_results` writes the report."""
        return self.folder / "report.html"

    def keep(self) -> None:
        """Start the pages, write down what runs, for `make demo-stop`, and let it run on when this process ends."""
        options = ["ui", "--no-browser", f"--trainer={TRAINER_ENV}"]
        self.pages = self.stack.enter_context(self._program("ui", [*self._command, *options]))
        self.pages.wait_until(lambda: bool(self._page()))
        programs = [self.pages, self.operator, self.localpach, *reversed(self.control_plane.programs)]
        (self.folder / RECORD).write_text(json.dumps(noted(programs), indent=2))
        self.stack.pop_all()

    def _page(self) -> str:
        """Return the address that `scriptmodel ui` prints; empty before that."""
        return next((line for line in self.pages.log.read_text().splitlines() if line.startswith("http://")), "")

    @property
    def left(self) -> Left:
        """Return what `keep` keeps running."""
        return Left(
            kubeconfig=self.control_plane.kubeconfig,
            pachd=self.localpach.address,
            binaries=self.control_plane.kubectl_program.parent,
            commands=OPERATOR_ENV / "bin",
            log=self.operator.log,
            metrics=f"http://{self.health}/metrics",
            page=self._page(),
            pages=self.pages.log,
        )

    def _model(self) -> dict[str, Any]:
        """Return the ScriptModel; each start of kubectl would cost a tenth of a second of CPU."""
        try:
            return self.control_plane.api.get(f"/apis/scriptmodel.dev/v1alpha1/namespaces/default/scriptmodels/{NAME}")
        except OSError as error:
            raise StageError(f"reading the ScriptModel {NAME}: {error}", self.operator_log) from error

    def _check_alive(self) -> None:
        programs: list[Program] = [*self.control_plane.programs, self.localpach, self.operator]
        for program in programs:
            if not program.running:
                raise StageError(f"{program.name} ended unexpectedly: {last_words(program.log)}", program.log)

    def _kubectl(self, *args: str, quiet: bool = False) -> str:
        if not quiet:
            say(f"$ kubectl {shlex.join(args)}")
        try:
            out = self.control_plane.kubectl(*args).stdout
        except subprocess.CalledProcessError as error:
            raise StageError(f"kubectl {args[0]}: {error.stderr.strip()}", self.operator_log) from error
        if not quiet:
            for line in out.splitlines():
                say(line)
        return out

    @property
    def operator_log(self) -> Path:
        """The operator's log, or the API server's as long as there is no operator."""
        return self.operator.log if hasattr(self, "operator") else self.control_plane.apiserver.log

    def _scriptmodel(self, *args: str) -> None:
        """Run the command `scriptmodel`, as a person would with the environment that the demo's ending names."""
        say(f"$ scriptmodel {shlex.join(args)}")
        self._run(args[0], [*self._command, *args])

    @property
    def _command(self) -> list[str]:
        """The command `scriptmodel` with its connection options."""
        where = [f"--kubeconfig={self.control_plane.kubeconfig}", f"--pachd={self.localpach.address}"]
        return [str(OPERATOR_ENV / "bin" / "scriptmodel"), *where]

    def _run(self, name: str, command: list[str]) -> None:
        """Run a command of ours, its output both shown and kept."""
        with self._program(name, command) as program:
            _finish(program)

    def _program(self, name: str, command: list[str]) -> Program:
        """Start a command of ours, with a log in the run's folder."""
        program = Program(name, command, self.folder / f"{name}.log", cwd=ROOT)
        program.start()
        return program

    def stages(self, keep: bool) -> list[Stage]:
        """Return the stages in their order."""
        again = "run `make demo` again"
        stages = [
            Stage(
                "Install the two environments from their lock files",
                self.environments,
                f"check that this machine reaches a Python package index (PIP_INDEX_URL sets another), then {again}",
            ),
            Stage(
                "Find, download or build kube-apiserver, etcd and kubectl",
                self.build_control_plane,
                f"check that Go modules can be downloaded (GOPROXY sets another proxy), then {again};"
                " or set KUBEBUILDER_ASSETS to a folder that has all three programs",
            ),
            Stage(
                "Start the control plane, localpach and the operator",
                self.start,
                f"end what else keeps this machine busy, also `make demo-stop`, then {again}",
            ),
            Stage(
                f"Push {self.plays} plays to the Pachyderm repo shakespeare",
                self.put_corpus,
                f"reinstall the plays with `rm -r .venv/operator`, then {again}",
            ),
            Stage(
                "Apply the ScriptModel",
                self.apply,
                f"undo local changes of {SAMPLE} and manifests/crd.yaml, then {again}",
            ),
            Stage(
                "Train: kubectl get scriptmodels -o wide",
                self.watch,
                f"check that 2 GB of memory are free (`free -h`) and read the log, then {again}",
            ),
            Stage("Read the new script", self.show_results, f"read the log, then {again}"),
        ]
        if keep:
            stages.append(Stage("Leave everything running", self.keep, f"run `make demo-stop`, then {again}"))
        return stages
