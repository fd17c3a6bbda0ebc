"""The fault matrix of the operator: one fault at one call of a ScriptModel's whole life, at each call, of each kind.

    python -m tests.chaos.operator                     # the whole matrix
    python -m tests.chaos.operator --cases 40 --seed 7 # a sample, the same one for the same seed

A fault-free run comes first and records the calls. Each case has its own operator and its own object with the same
life, behind proxies that inject a fault into one call: the call fails before or after it took effect, with each code
that leaves its effect unknown; its stream is cut; it is delayed beyond the operator's deadline; or the operator is
killed (SIGKILL) at it and restarted. Each case must end in the same state as the fault-free run: the same status,
pipelines, versions, jobs, commits and milestones among the events, and nothing left after the deletion. Only an
operator that is killed may lose the events that it has not sent yet; these are counted.

Two lives are tested: a training, and a search.
"""

import argparse
import asyncio
import json
import random
import re
import shutil
import signal
import ssl
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from dev.stack import ControlPlane, Localpach
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError
from scriptmodel_operator.kube.login import Credentials, login
from tests.chaos.faults import Calls, Fault, faults_at
from tests.chaos.kubernetes_proxy import KubernetesProxy
from tests.chaos.life import MILESTONES, Life
from tests.chaos.pachyderm_proxy import PachydermProxy
from tests.chaos.process import Operator
from tests.integration.cluster import prepare

IMAGE = "chaos:1"
TRAINER = Path(__file__).parent / "trainer"
LIVES = ("training", "search")
BUSY_SECONDS = 2.0
"""The duration of a call without a fault above which the operator may fail for lack of time alone."""
ATTEMPTS = 3
"""At a case that fails on so busy a machine; the last one counts."""
TROUBLE = {"EngineUnavailable", "Retrying", "Refused", "DownloadFailed", "CheckFailed"}
"""Events that a fault may add; after each, earlier events may be recorded again."""


@dataclass
class World:
    """Both servers, shared by all cases, and the operator's credentials."""

    root: Path
    control_plane: ControlPlane
    localpach: Localpach
    token: str = ""
    serial: int = 0

    def prepare(self) -> None:
        prepare(self.control_plane)
        account = ("scriptmodel-operator", "-n", "scriptmodel-system", "--duration=12h")
        self.token = self.control_plane.kubectl("create", "token", *account).stdout.strip()

    def kubeconfig(self, path: Path, server: str) -> Path:
        config = json.loads(self.control_plane.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": server}
        config["users"][0]["user"] = {"token": self.token}
        path.write_text(json.dumps(config))
        return path

    @property
    def trusted(self) -> ssl.SSLContext:
        config = json.loads(self.control_plane.kubeconfig.read_text())
        return ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])


@dataclass(frozen=True)
class Case:
    """A life, and what goes wrong in it."""

    life: str
    fault: Fault | None = None

    def __str__(self) -> str:
        return f"{self.life}: {self.fault}"


@dataclass
class Result:
    namespace: str
    outcome: dict[str, Any]
    calls: Calls
    problem: str = ""
    lost_events: int = 0
    seconds: float = 0.0
    slowest: float = 0.0


async def run_case(world: World, kube: KubeClient, case: Case, wanted: dict[str, Any] | None) -> Result:
    """Live one life. Problems are reported, not raised."""
    began = time.monotonic()
    world.serial += 1
    namespace = f"life-{world.serial:05d}"
    folder = world.root / namespace
    folder.mkdir()
    calls = Calls(case.fault)
    async with (
        PachydermProxy(world.localpach.address, calls) as pachyderm,
        KubernetesProxy(world.control_plane.server, world.trusted, calls) as kubernetes,
    ):
        config = world.kubeconfig(folder / "kubeconfig", kubernetes.server)
        options = {
            "kubeconfig": config,
            "pachd": pachyderm.address,
            "trainer-image": IMAGE,
            "namespace": namespace,
            "cluster-id": namespace,
            "poll-interval": 0.3,
        }
        operator = Operator(["run", *(f"--{name}={value}" for name, value in options.items())], folder / "operator.log")
        calls.kill = operator.kill
        searches = case.life == "search"
        life = Life(kube, world.localpach.address, namespace, searches, ended=lambda: operator.died)
        result = Result(namespace, {}, calls)
        operator.start()
        try:
            result.outcome = await life.run(wanted)
            text = operator.log.read_text()
            if "Traceback" in text:
                result.problem = f"a traceback: {text[text.index('Traceback') :][-1500:]}"
        except AssertionError as error:  # astray, or a status that breaks a rule
            result.problem = f"{life.step}: {error}"
        except (KubeError, grpc.RpcError) as error:
            result.problem = f"the servers themselves: {error!r}"
        finally:
            operator.stop()
    if not result.problem:
        kills = case.fault is not None and case.fault.kind.kills
        result.problem, result.lost_events = difference(wanted or result.outcome, result.outcome, kills=kills)
    result.seconds, result.slowest = time.monotonic() - began, life.slowest
    if not result.problem:
        shutil.rmtree(folder)
    return result


def difference(wanted: dict[str, Any], found: dict[str, Any], *, kills: bool) -> tuple[str, int]:
    """Return the differences from the fault-free outcome, empty if none, and how many milestones a kill lost."""
    told = [
        line
        for key in sorted(wanted.keys() - {"events", "milestones"})
        for line in _leaves(key, wanted[key], found[key])
    ]
    repeated = sum(number for reason, number in found["events"].items() if reason in TROUBLE)
    lost = 0
    for reason in sorted(MILESTONES):
        occasions, number = found["milestones"].get(reason, 0), found["events"].get(reason, 0)
        lacking = wanted["milestones"].get(reason, 0) - occasions
        usual = max(occasions, wanted["events"].get(reason, 0))  # two searches end in the same words
        if lacking < 0 or (lacking and not kills) or number > usual + repeated:
            told.append(f"  events {reason}: of {occasions} occasions, {number} in all: {found['events']}")
        else:
            lost += lacking
    return "\n".join(told), lost


def _leaves(where: str, wanted: Any, found: Any) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(wanted.keys() | found.keys()):
            yield from _leaves(f"{where}.{key}", wanted.get(key), found.get(key))
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, pair in enumerate(zip(wanted, found, strict=True)):
            yield from _leaves(f"{where}[{number}]", *pair)
    elif wanted != found:
        yield f"  {where}: wanted {json.dumps(wanted)}, found {json.dumps(found)}"


@dataclass
class Matrix:
    """Runs cases, several at a time, and reports each that fails."""

    world: World
    kube: KubeClient
    wanted: dict[str, dict[str, Any]]
    """The outcome of each life without a fault."""
    until: float
    counts: Counter[str] = field(default_factory=Counter)
    lost_events: int = 0
    begun: float = field(default_factory=time.monotonic)

    async def run(self, cases: list[Case], parallel: int) -> None:
        waiting = deque((case, 1) for case in cases)
        async with asyncio.TaskGroup() as group:
            for _ in range(parallel):
                group.create_task(self._work(waiting, len(cases)))

    async def _work(self, waiting: deque[tuple[Case, int]], total: int) -> None:
        while waiting and time.monotonic() < self.until:
            case, attempt = waiting.popleft()
            result = await run_case(self.world, self.kube, case, self.wanted[case.life])
            if result.problem and result.slowest > BUSY_SECONDS and attempt < ATTEMPTS:
                print(f"too busy a machine for {case} ({result.slowest:.1f} s for a call): later again", flush=True)
                waiting.append((case, attempt + 1))
                continue
            self.counts["failed" if result.problem else "as undisturbed" if result.calls.met else "not met"] += 1
            self.lost_events += result.lost_events
            if result.problem:
                print(
                    f"FAILED {case}, after {result.seconds:.0f} s in {result.namespace}\n{result.problem}", flush=True
                )
            done = self.counts.total()
            if done % 10 == 0 or result.problem:
                told = ", ".join(f"{number} {what}" for what, number in sorted(self.counts.items()))
                print(f"{done}/{total} cases in {time.monotonic() - self.begun:.0f} s: {told}", flush=True)


async def _main(given: argparse.Namespace, world: World) -> int:
    world.prepare()
    kube = KubeClient(Credentials(lambda: login(world.control_plane.kubeconfig)))
    matrix, wanted = [], {}
    lives = [each for each in LIVES if given.only.startswith(f"{each}:")] or LIVES
    references = await asyncio.gather(*(run_case(world, kube, Case(life), None) for life in lives))
    for life, reference in zip(lives, references, strict=True):
        if reference.problem:
            print(f"the undisturbed life of {life} failed: {reference.problem}", file=sys.stderr)
            return 1
        cases = [Case(life, fault) for fault in faults_at(reference.calls.places)]
        told = f"{len(reference.calls.places)} calls in {reference.seconds:.0f} s, {len(cases)} cases"
        print(f"{life}: {told}", flush=True)
        matrix += cases
        wanted[life] = reference.outcome
    random.Random(given.seed).shuffle(matrix)
    chosen = [case for case in matrix if re.search(given.only, str(case))][: given.cases or None]
    until = time.monotonic() + (given.seconds or float("inf"))
    running = Matrix(world, kube, wanted, until)
    await running.run(chosen, given.parallel)
    told = ", ".join(f"{number} {what}" for what, number in sorted(running.counts.items()))
    print(f"seed {given.seed}: {running.counts.total()} of {len(matrix)} cases: {told}")
    print(f"events lost with a killed operator: {running.lost_events}")
    return 1 if running.counts["failed"] or not running.counts["as undisturbed"] else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=0, help="a sample of so many; 0 for all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=0, help="begin no case after so many seconds; 0 for no limit")
    parser.add_argument("--parallel", type=int, default=4, help="cases at a time")
    parser.add_argument("--only", default="", metavar="RE", help="cases that match, as `search: (ModifyFile|GetFile)`")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and operators end, too
    print(f"seed {given.seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="operator-chaos-"))
    options = ["--settle=0"]
    with (
        ControlPlane(root / "controlplane") as control_plane,
        Localpach(root / "localpach", {IMAGE: TRAINER}, options) as localpach,
    ):
        status = asyncio.run(_main(given, World(root, control_plane, localpach)))
    if status:
        print(f"logs are in {root}", file=sys.stderr)
    else:
        shutil.rmtree(root)
    return status


if __name__ == "__main__":
    sys.exit(main())
