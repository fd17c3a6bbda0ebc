"""The operator is killed between any two calls to API server and bucket, or another acts there: the end is the same."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.engine.values import PipelineApply, PipelineSpec
from scriptmodel_operator.jobs.gateway import JobsGateway
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld
from tests.unit.operator.test_job_engine import GENERATE, TRAIN, TRAINING, TRIALS, WRITING
from tests.unit.operator.world import PLAYS

SEARCHING = replace(
    TRAINING,
    command=("scriptmodel-trainer", "trial"),
    trials_branch=TRIALS,
    parallelism=2,
)

NEVER = 1 << 30
EACH = (pytest.mark.slow, pytest.mark.timeout(1800))
"""Marks of a test of each call; others test some."""


@dataclass
class Killed:
    """Ends the process at a call: neither it, or `after` it, nor any later call takes effect."""

    at: int
    after: bool
    dead: bool = False
    _count: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, *_call: Any) -> EngineError | None:
        self.dead = self.dead or next(self._count) == self.at
        return UnavailableError("calling", "killed") if self.dead else None


@dataclass
class Joined(Killed):
    """Has another operator poll in the middle of a call of the first, before it or `after` it took effect."""

    world: JobWorld = field(default_factory=JobWorld)
    every: int = NEVER
    """Poll again after so many calls."""
    _other: JobsGateway | None = None
    _polls: bool = False

    def __call__(self, *_call: Any) -> EngineError | None:
        if not self._polls and (next(self._count) - self.at) % self.every == 0:
            self._polls = True
            self._other = self._other or self.world.gateway()
            with suppress(EngineError):
                self._other.settle(["ml"])
            self._polls = False
        return None


def arm(world: JobWorld, kill: Killed | None) -> None:
    """Let a fault meet the calls of an operator, or none."""
    world.cluster.fault = lambda _call, after: kill() if kill and after == kill.after else None
    world.bucket.fault = lambda _call: kill() if kill and not kill.after else None
    world.bucket.lost = lambda _call: kill() if kill and kill.after else None


@dataclass
class Life:
    """What people want at each step, and an operator that repeats what it does until that is so."""

    world: JobWorld = field(default_factory=JobWorld)
    calls: int = 0

    def live(self, kill: Killed | None = None) -> None:
        self._arm(kill)
        gateway = self.world.gateway()
        for step in (self.create, self.update, self.search, self.stop, self.start, self.delete):
            for _ in range(60):
                try:
                    if step(gateway):
                        break
                except EngineError:
                    pass
                if kill is not None and kill.dead:
                    self._arm(None)
                    gateway = self.world.gateway()
            else:
                raise AssertionError(f"does not settle: {step.__name__}")
        self._arm(None)
        self.calls = len(self.world.cluster.calls) + len(self.world.bucket.calls)

    def _arm(self, kill: Killed | None) -> None:
        arm(self.world, kill)

    # --- steps, each of which says whether nothing is left to do

    def create(self, gateway: JobsGateway) -> bool:
        if PLAYS_BRANCH.repo not in {repo.ref for repo in gateway.list_repos(["ml"])}:
            gateway.create_repo(PLAYS_BRANCH.repo, "plays")
        gateway.replace_files(PLAYS_BRANCH, [(path, [text]) for path, text in PLAYS.items()], (), 30)
        return self._as_applied(gateway, (TRAINING, WRITING))

    def update(self, gateway: JobsGateway) -> bool:
        return self._as_applied(gateway, (replace(TRAINING, image="trainer:2"), WRITING))

    def search(self, gateway: JobsGateway) -> bool:
        if TRIALS.repo not in {repo.ref for repo in gateway.list_repos(["ml"])}:
            gateway.create_repo(TRIALS.repo, "")
        trial = b'{"share": "1"}'
        files = [(f"/{number:04}-0/trial.json", [trial]) for number in range(1, 4)]
        gateway.replace_files(TRIALS, files, (), 30)
        return self._as_applied(gateway, (SEARCHING, WRITING))

    def stop(self, gateway: JobsGateway) -> bool:
        known = {info.ref: info for info in gateway.list_pipelines(["ml"])}
        if not known[TRAIN].stopped and known[TRAIN].version == 3 and known[TRAIN].spec.image == "trainer:1":
            gateway.apply_pipelines([PipelineApply(replace(SEARCHING, image="trainer:3"), update=True)])
        gateway.settle(["ml"])
        if not known[TRAIN].stopped and self.world.unfinished:
            gateway.stop_pipeline(TRAIN)
        gateway.settle(["ml"])
        return known[TRAIN].stopped and not self.world.unfinished

    def start(self, gateway: JobsGateway) -> bool:
        if next(info for info in gateway.list_pipelines(["ml"]) if info.ref == TRAIN).stopped:
            gateway.start_pipeline(TRAIN)
        return self._settled(gateway)

    def delete(self, gateway: JobsGateway) -> bool:
        for ref in (GENERATE, TRAIN):
            gateway.delete_pipeline(ref, keep_repo=ref == GENERATE)
        gateway.delete_repo(TRIALS.repo)
        return True

    def _as_applied(self, gateway: JobsGateway, specs: tuple[PipelineSpec, ...]) -> bool:
        known = {info.ref: info.spec for info in gateway.list_pipelines(["ml"])}
        wanted = [PipelineApply(spec, update=spec.ref in known) for spec in specs if known.get(spec.ref) != spec]
        if wanted:
            gateway.apply_pipelines(wanted)
        return self._settled(gateway)

    def _settled(self, gateway: JobsGateway) -> bool:
        gateway.settle(["ml"])
        ran, before = self.world.run(), gateway.list_jobs("ml", 100)
        jobs = gateway.settle(["ml"]).list_jobs("ml", 100)
        return not ran and not self.world.unfinished and jobs == before and all(job.state.final for job in jobs)


def state(world: JobWorld) -> dict[str, Any]:
    """Return the end state without what differs from life to life."""
    gateway = world.gateway()
    gateway.list_repos(["ml"])
    heads = {repo.ref.name: repo.size_bytes for repo in gateway.list_repos(["ml"])}
    keys = sorted(key for key in world.bucket.objects if "/runs/" in key)  # packs may be left that nothing refers to
    return {"ran": sorted(world.ran), "heads": heads, "keys": keys, "left": sorted(world.cluster.objects)}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stride", [13, pytest.param(1, marks=EACH)])
def test_the_end_state_is_that_of_a_life_without_a_kill(stride: int, after: bool) -> None:
    whole = Life()
    whole.live()
    expected = state(whole.world)
    assert len(whole.world.ran) == 10
    for at in range(0, whole.calls, stride):
        life = Life()
        life.live(Killed(at, after))
        assert state(life.world) == expected, f"killed at call {at}"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("stride", "every"), [(13, NEVER), (200, 3), pytest.param(1, NEVER, marks=EACH)])
def test_two_operators_at_once_do_what_one_does(stride: int, every: int, after: bool) -> None:
    whole = Life()
    whole.live()
    for at in range(0, whole.calls, stride):
        life = Life()
        life.live(Joined(at, after, world=life.world, every=every))
        assert state(life.world) == state(whole.world), f"the other one polled at call {at}"
