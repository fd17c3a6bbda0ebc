"""Measures what a search costs besides its trainings: the operator's time, and that of localpach.

    python -m tests.bench.search [--trials 200] [--parallel 8] [--algorithm halving] [--trainer FOLDER]

The operator's own code reconciles one object against a localpach of its own, without Kubernetes. Without --trainer,
nothing is learned: a run takes milliseconds, and the rest is overhead. With the environment of the trainer
(.venv/trainer), its trainings show what a second worker saves.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.values import BranchRef, RepoRef
from scriptmodel_operator.reconcile.assess import Situation, assess
from scriptmodel_operator.reconcile.execute import execute
from scriptmodel_operator.reconcile.status import status_of
from tests.contract.serving import serving
from tests.integration.texts import play
from tests.unit.operator.world import IMAGE, scriptmodel

QUICK_TRAINER = Path("tests/chaos/trainer")
POLL_SECONDS = 0.5


@dataclass
class Reconciles:
    """The reconciles of one object."""

    gateway: PachydermGateway
    spec: dict[str, object]
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.model = scriptmodel(self.spec)
        self.observer = Observer(self.gateway, "bench")

    def once(self) -> str:
        """Reconcile once; return the reason of Ready, and what training says."""
        with self._timed():
            view = self.observer.view(self.model, take_snapshot(self.gateway, ["default"]))
            mark = view.train.mark if view.train else None
            wanted = desired(self.model, view.refs, self.model.owner("bench"), mark, image=IMAGE)
            state = assess(Situation(self.model, _elapsed, view=view, desired=wanted))
            execute(self.gateway, state.actions)
            ready, _, _, _, trained, _ = status_of(self.model, state, view, datetime.now(UTC), _elapsed)["conditions"]
        return f"{ready['reason']} ({trained['message']})"

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started, cpu = time.monotonic(), time.process_time()
        yield
        self.seconds.append(time.monotonic() - started)
        self.cpu_seconds += time.process_time() - cpu


def _elapsed(since: datetime) -> timedelta:
    return datetime.now(UTC) - since


def main() -> None:
    """Search, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--algorithm", default="halving")
    parser.add_argument("--trainer", type=Path, default=QUICK_TRAINER, help="environment of a trainer")
    given = parser.parse_args()
    parameters = [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}]
    search = {"numTrials": given.trials, "parallelTrials": given.parallel, "algorithm": given.algorithm}
    with (
        tempfile.TemporaryDirectory(prefix="bench-search-") as folder,
        serving(Path(folder, "root"), f"--image={IMAGE}={given.trainer.resolve()}") as server,
        closing(PachydermGateway(PachdAddress(server.address), UNLIMITED)) as gateway,
    ):
        plays = BranchRef(RepoRef("default", "plays"), "master")
        gateway.create_repo(plays.repo, "")
        gateway.replace_files(plays, [("/hamlet.txt", [play().encode()])], [], 60)
        reconciles, started, known = (
            Reconciles(gateway, {"search": {"parameters": parameters, **search}}),
            time.monotonic(),
            "",
        )
        while not known.startswith("Generated"):
            state = reconciles.once()
            if state != known:
                print(f"{time.monotonic() - started:7.1f} s  {state}", flush=True)
                known = state
            time.sleep(POLL_SECONDS)
        whole = time.monotonic() - started
        reconciles.observer.logs.close()
    spent = reconciles.seconds
    print(
        f"{given.trials} trials, {given.parallel} at a time: {whole:.1f} s; the operator reconciled {len(spent)} times "
        f"in {sum(spent):.1f} s ({reconciles.cpu_seconds:.1f} s of CPU), {max(spent):.2f} s at most"
    )


if __name__ == "__main__":
    main()
