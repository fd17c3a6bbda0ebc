"""A training that loses its worker at random steps, through localpach with a claim for checkpoints.

An undisturbed training comes first. The disturbed one has the same corpus, settings and seed, and its pipeline is the
one that the operator creates. It is interrupted where the seed says: the trainer's process is killed (the attempt
fails and Pachyderm retries the datum), localpach is killed and started again, the pipeline is stopped and started, or
it is updated without reprocessing. The trainer waits there, so that none is too fast to be interrupted. In the end both
have the same weights, bit for bit, and no state is left.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from dev.paths import TRAINER_ENV
from dev.plays import plays
from dev.stack import TRAINER_IMAGE, Localpach
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.engine.values import (
    BranchRef,
    JobInfo,
    JobState,
    PipelineApply,
    PipelineRef,
    PipelineSpec,
    RepoRef,
    ResourceAmounts,
)
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.observe.progress import LogDigest, read_line
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress

CLAIM = "checkpoints"
CHECKPOINT_SECONDS = 1.0
SLACK_SECONDS = 10.0
"""For a window, a save and a busy machine, in addition to the interval."""
TRIES = 11
TRAINING_SECONDS = 900.0
_CORPUS = BranchRef(RepoRef("default", "plays"), "master")
NETWORK = {"hiddenUnits": 48, "vocabularySize": 500}
"""`small` with so little to compute that starting a trainer takes longer than an epoch."""
_CORPUS_BYTES = 40_000
_SAME = ("files", "words")
"""What `model.json` says of the weights, by their digest, and of the vocabulary."""
_FILE_LIMIT = 1 << 28
_WAITING_TRAINER = """#!PYTHON
import sys, time
from pathlib import Path
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.training import checkpointer

gate, save_if_due = Path("GATE"), checkpointer.Checkpointer.save_if_due

def save_and_wait(self, windows):
    save_if_due(self, windows)
    done = (self._task.state.epoch - 1 + self._task.state.window / windows) / self._task.preset.epochs
    while gate.exists() and not self._signals.requested:
        share = gate.read_text()
        if done < float(share or 0):
            break
        gate.with_name("reached").write_text(share)
        time.sleep(0.02)

checkpointer.Checkpointer.save_if_due = save_and_wait
sys.exit(main())
"""
"""Waits in a training that has done the share in the file GATE, while that file exists."""


class AstrayError(AssertionError):
    """A training did not end as the undisturbed one."""


@dataclass
class World:
    """localpach with one corpus; it may be killed and continues on the same address."""

    root: Path
    trainer: Path
    localpach: Localpach = field(init=False)
    gateway: PachydermGateway = field(init=False)

    def __enter__(self) -> Self:
        self.gate.parent.mkdir(parents=True)
        program = self.gate.parent / "bin" / "scriptmodel-trainer"
        program.parent.mkdir()
        python = str((self.trainer / "bin" / "python").absolute())
        program.write_text(_WAITING_TRAINER.replace("PYTHON", python).replace("GATE", str(self.gate)))
        program.chmod(0o755)
        images = {TRAINER_IMAGE: self.gate.parent, "environment": self.trainer}  # jobs see those of /tmp alone
        self.localpach = Localpach(self.root, images, ["--settle=0", "--quiet"]).__enter__()
        self.gateway = PachydermGateway(PachdAddress(self.localpach.address), UNLIMITED)
        return self

    def __exit__(self, *_error: object) -> None:
        self.gateway.close()
        self.localpach.stop()

    @property
    def gate(self) -> Path:
        return self.root / "trainer" / "gate"

    def reached(self, share: float) -> bool:
        """Return whether a training waits at that share."""
        reached = self.gate.with_name("reached")
        return reached.exists() and reached.read_text() == str(share)

    def restart(self) -> None:
        """Kill localpach, which kills its jobs, and start it again."""
        self.localpach.kill()
        self.localpach.__enter__()

    def trainers(self) -> Iterator[int]:
        """Yield the processes of running trainings."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                words = (stat.parent / "cmdline").read_bytes().split(b"\0")
                if b"train" in words and self._is_ours(int(stat.parent.name)):
                    yield int(stat.parent.name)

    def _is_ours(self, process: int) -> bool:
        while process > 1:
            if process == self.localpach.pid:
                return True
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        return False


@dataclass
class Training:
    """The train pipeline of one ScriptModel, as the operator creates it, and what its jobs report."""

    world: World
    name: str
    overrides: dict[str, Any]
    version: int = 0

    @property
    def spec(self) -> PipelineSpec:
        spec = ScriptModelSpec.model_validate(
            {
                "corpus": {"repo": {"name": _CORPUS.repo.name}},
                "model": {"preset": "small", "overrides": self.overrides, "seed": 7},
                "training": {"backoffLimit": TRIES - 1},
            }
        )
        model = ScriptModel(namespace="chaos", name=self.name, uid=self.name, generation=1, spec=spec)
        owner = model.owner("chaos")
        train = desired(model, references(model), owner, None, image=TRAINER_IMAGE, claim=CLAIM).train.spec
        return replace(train, command=(*train.command, "--checkpoint-seconds", str(CHECKPOINT_SECONDS)))

    @property
    def pipeline(self) -> PipelineRef:
        return self.spec.ref

    def apply(self) -> None:
        """Create the pipeline, or update it without computing anything again."""
        requests = ResourceAmounts(memory=f"{64 + self.version}Mi")
        update = PipelineApply(replace(self.spec, requests=requests), update=self.version > 0)
        self.version += 1
        self.world.gateway.apply_pipelines([update])

    @property
    def job(self) -> JobInfo | None:
        """The newest job; None also while localpach starts."""
        with suppress(UnavailableError):
            return next(iter(self.world.gateway.list_pipeline_jobs(self.pipeline, 1)), None)
        return None

    def log(self) -> LogDigest:
        """Return the digest of the newest job's log; an empty one while there is none."""
        digest, job = LogDigest(), self.job
        with suppress(EngineError):
            for line in self.world.gateway.read_log(job.ref, follow=False, seconds=10.0) if job else ():
                digest = read_line(digest, line)
        return digest

    def has_ended(self) -> bool:
        """Return whether the newest job has succeeded. AstrayError if it failed."""
        job = self.job
        if job and job.state in (JobState.FAILURE, JobState.UNRUNNABLE):
            raise AstrayError(f"{self.name}: {job.state.name}: {job.reason} {self.log()}")
        return bool(job and job.state is JobState.SUCCESS and job.data_processed + job.data_skipped)

    def wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        """Poll until it holds. AstrayError if that takes too long."""
        deadline = time.monotonic() + TRAINING_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise AstrayError(f"{self.name} did not come to {what}: {self.log()}")
            time.sleep(0.2)

    def files(self) -> dict[str, Any]:
        """Return the model of the newest job."""
        job = self.job
        assert job is not None
        output = self.pipeline.output
        paths = ("/model.json", "/metrics.json")
        read = self.world.gateway.read_file
        return {path: json.loads(read(output, job.ref.id, path, _FILE_LIMIT)) for path in paths}

    def left_on_the_claim(self) -> list[str]:
        """Return the files of the state folder, without the empty file that each run locks."""
        folder = self.world.root / "data/claims" / CLAIM / self.pipeline.project / self.pipeline.name
        return sorted(
            str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file() and each.stat().st_size
        )


def kill_trainer(training: Training) -> None:
    for process in training.world.trainers():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def kill_localpach(training: Training) -> None:
    training.world.restart()


def suspend(training: Training) -> None:
    training.world.gateway.stop_pipeline(training.pipeline)
    training.world.gateway.start_pipeline(training.pipeline)


def update(training: Training) -> None:
    training.apply()


INTERRUPTIONS: dict[str, Callable[[Training], None]] = {
    "trainer killed": kill_trainer,
    "localpach killed": kill_localpach,
    "pipeline stopped and started": suspend,
    "pipeline updated": update,
}


@dataclass(frozen=True)
class Interruption:
    """What happens once the training has done a share of its epochs."""

    share: float
    kind: str


def interruptions(kills: int, chance: random.Random) -> list[Interruption]:
    """Return the plan of a seed: every kind at least once if there are enough, most of them kills of the trainer."""
    kinds = list(INTERRUPTIONS)[:kills]
    kinds += chance.choices(list(INTERRUPTIONS), weights=(6, 2, 1, 1), k=kills - len(kinds))
    chance.shuffle(kinds)
    shares = sorted(chance.uniform(0.02, 0.97) for _ in kinds)
    return [Interruption(share, kind) for share, kind in zip(shares, kinds, strict=True)]


def disturb(training: Training, plan: list[Interruption]) -> None:
    """Interrupt a training as planned, and wait for its end."""
    training.apply()
    gate = training.world.gate
    for each in plan:
        share = each.share
        gate.write_text(str(share))
        training.wait_for(f"{share:.0%}", lambda share=share: training.world.reached(share) or training.has_ended())  # type: ignore[misc]  # a default binds the name
        INTERRUPTIONS[each.kind](training)
        print(f"  at {each.share:4.0%}: {each.kind}", flush=True)
    gate.unlink()
    training.wait_for("its end", training.has_ended)


def check(undisturbed: Training, disturbed: Training, kills: int) -> int:
    """Compare both models. Return the restarts of the disturbed training; AstrayError names a difference."""
    expected, found = undisturbed.files(), disturbed.files()
    for key in _SAME:
        if expected["/model.json"][key] != found["/model.json"][key]:
            raise AstrayError(f"model.json: {key} differ from those of the undisturbed training")
    before, after = expected["/metrics.json"], found["/metrics.json"]
    for key in ("perplexity", "best_epoch"):
        if before.get(key) != after.get(key):
            raise AstrayError(f"metrics.json: {key} is {after.get(key)}, not {before.get(key)}")
    restarts = int(after.get("restarts", 0))
    if not 1 <= restarts <= kills:
        raise AstrayError(f"{restarts} restarts are recorded after {kills} interruptions")
    for training in (undisturbed, disturbed):
        if left := training.left_on_the_claim():
            raise AstrayError(f"{training.name} has left {left} on the claim")
    return restarts


def run(root: Path, kills: int, seed: int, overrides: dict[str, Any]) -> None:
    """Run both trainings and compare them. Raises AstrayError."""
    with World(root, TRAINER_ENV) as world:
        world.gateway.create_repo(_CORPUS.repo, "")
        files = [(f"/{play.name}", [play.read_bytes()[:_CORPUS_BYTES]]) for play in plays()[:1]]
        world.gateway.replace_files(_CORPUS, files, (), 60.0)
        undisturbed = Training(world, "undisturbed", overrides)
        started = time.monotonic()
        undisturbed.apply()
        undisturbed.wait_for("its end", undisturbed.has_ended)
        print(f"undisturbed: {time.monotonic() - started:.0f} s", flush=True)
        disturbed = Training(world, "disturbed", overrides)
        started = time.monotonic()
        disturb(disturbed, interruptions(kills, random.Random(seed)))
        restarts = check(undisturbed, disturbed, kills)
        print(f"disturbed: {time.monotonic() - started:.0f} s, {kills} interruptions, {restarts} restarts", flush=True)
