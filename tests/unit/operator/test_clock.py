"""Ages are measured by pachd's clock and the operator's monotonic clock only."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from scriptmodel_operator.engine import clock as module
from scriptmodel_operator.engine.clock import INTERVAL_SECONDS, EngineClock
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.kube.kopf_patches.echo_filter import EchoFilter
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.metrics import Metrics
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, World, scriptmodel

MINUTE = 60.0
SKEWS = [40 * MINUTE, -40 * MINUTE, 0.0]
HURRIED = {"training": {"pendingDeadline": "30m", "activeDeadline": "2h"}}


@dataclass
class Machines:
    """Two machines: pachd's, whose clock is that of the fake Pachyderm, and the operator's, `ahead` of it."""

    ahead: float = 0.0
    passed: float = 1000.0
    pachyderm: FakePachyderm = field(default_factory=FakePachyderm)

    def advance(self, seconds: float) -> None:
        self.passed += seconds
        self.pachyderm.advance(seconds)

    def set_pachds_clock(self, seconds: float) -> None:
        self.pachyderm.advance(seconds)
        self.ahead -= seconds

    def wall(self) -> datetime:
        return self.pachyderm.now + timedelta(seconds=self.ahead)

    def clock(self, measured: Callable[[float], None] = lambda _skew: None) -> EngineClock:
        """The clock of a new process, whose monotonic clock starts at any value."""
        start = self.passed * 7
        return EngineClock(self.pachyderm.server_time, measured, lambda: self.passed + start, self.wall)

    def operator(self, before: World | None = None) -> World:
        clock = self.clock()
        clock.measure()
        model = before.model if before else scriptmodel(HURRIED)
        return World(pachyderm=self.pachyderm, model=model, clock=clock)


def waiting(machines: Machines) -> World:
    """A train job that waits for a worker."""
    world = machines.operator()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    return world


def reason_after(world: World, machines: Machines, minutes: float) -> str:
    machines.advance(minutes * MINUTE)
    world.reconcile()
    return world.ready[1]


@pytest.mark.parametrize("ahead", SKEWS)
def test_a_skewed_operator_stops_a_waiting_job_at_its_deadline_and_not_before(ahead: float) -> None:
    machines = Machines(ahead)
    world = waiting(machines)
    assert reason_after(world, machines, 29) == "WaitingForWorker"
    assert reason_after(world, machines, 2) == "WorkerUnavailable"


@pytest.mark.parametrize("ahead", SKEWS)
def test_a_skewed_operator_stops_a_running_job_at_its_deadline_and_not_before(ahead: float) -> None:
    machines = Machines(ahead)
    world = waiting(machines)
    world.pachyderm.run(world.train)
    assert reason_after(world, machines, 119) == "Training"
    assert reason_after(world, machines, 2) == "DeadlineExceeded"


@pytest.mark.parametrize("ahead", SKEWS)
def test_time_that_passed_before_a_restart_counts_even_if_operators_restart_again_and_again(ahead: float) -> None:
    machines = Machines(ahead)
    world = waiting(machines)
    for _ in range(5):
        assert reason_after(world, machines, 5) == "WaitingForWorker"
        world = machines.operator(world)
    assert reason_after(world, machines, 4) == "WaitingForWorker"
    assert reason_after(world, machines, 2) == "WorkerUnavailable"


@pytest.mark.parametrize("jump", [40 * MINUTE, -40 * MINUTE])
def test_setting_the_operators_clock_while_it_runs_changes_nothing(jump: float) -> None:
    machines = Machines()
    world = waiting(machines)
    assert reason_after(world, machines, 10) == "WaitingForWorker"
    machines.ahead += jump
    assert reason_after(world, machines, 19) == "WaitingForWorker"
    assert reason_after(world, machines, 2) == "WorkerUnavailable"


@pytest.mark.parametrize("jump", [40 * MINUTE, -40 * MINUTE])
@pytest.mark.parametrize("measured", [True, False])
def test_setting_pachds_clock_while_a_job_waits_changes_nothing(jump: float, measured: bool) -> None:
    machines = Machines()
    world = waiting(machines)
    assert reason_after(world, machines, 10) == "WaitingForWorker"
    machines.set_pachds_clock(jump)
    if measured and world.clock:
        world.clock.measure()
    assert reason_after(world, machines, 19) == "WaitingForWorker"
    assert reason_after(world, machines, 2) == "WorkerUnavailable"


def test_a_job_after_pachds_clock_was_set_back_gets_its_whole_time() -> None:
    """Nothing is stopped before pachd's clock was measured again."""
    machines = Machines()
    world = machines.operator()
    machines.advance(MINUTE)
    machines.set_pachds_clock(-40 * MINUTE)
    world.pachyderm.put(world.corpus, PLAYS)
    assert reason_after(world, machines, 0) == "WaitingForWorker"
    assert reason_after(world, machines, 29) == "WaitingForWorker"
    assert reason_after(world, machines, 2) == "WorkerUnavailable"


def test_without_a_measurement_only_the_observed_time_counts() -> None:
    machines = Machines(40 * MINUTE)
    clock, since = machines.clock(), machines.pachyderm.now
    machines.advance(10 * MINUTE)
    machines.pachyderm.fault = lambda call: UnavailableError(call, "away")
    clock.measure()
    assert clock.elapsed(since) == timedelta(0)
    machines.advance(5 * MINUTE)
    assert clock.elapsed(since) == timedelta(minutes=5)


def test_an_old_time_has_its_age_and_a_future_one_none() -> None:
    machines = Machines(-40 * MINUTE)
    clock, now = machines.clock(), machines.pachyderm.now
    clock.measure()
    assert clock.elapsed(now - timedelta(hours=3)) == timedelta(hours=3)
    assert clock.elapsed(now + timedelta(hours=3)) == timedelta(0)
    machines.advance(MINUTE)
    assert clock.elapsed(now + timedelta(hours=3)) == timedelta(minutes=1)
    assert clock.now() == machines.pachyderm.now


def test_pachds_clock_is_read_every_ten_minutes() -> None:
    machines = Machines()
    requested: list[str] = []
    machines.pachyderm.fault = requested.append
    clock = machines.clock()
    for _ in range(61):
        clock.measure_if_due()
        machines.advance(MINUTE)
    assert len(requested) == 1 + 60 * MINUTE // INTERVAL_SECONDS


def test_remembered_ages_are_bounded_and_forgotten_ones_are_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    machines = Machines()
    clock, first = machines.clock(), machines.pachyderm.now
    clock.measure()
    for second in range(100):
        clock.elapsed(first + timedelta(seconds=second))
    assert len(clock._seen) == 10
    machines.advance(MINUTE)
    assert clock.elapsed(first) == timedelta(minutes=1)


@pytest.mark.parametrize(("ahead", "words"), [(2400.0, "2400 s behind"), (-2400.0, "2400 s ahead of"), (5.0, "")])
def test_skew_is_a_metric_and_is_warned_of_once(ahead: float, words: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger=module.__name__)
    machines = Machines(ahead)
    metrics = Metrics(Store(EchoFilter()))
    clock = machines.clock(metrics.clock_skew.set)
    assert "scriptmodel_pachyderm_clock_skew_seconds NaN\n" in metrics.render().decode()
    for _ in range(3):
        clock.measure()
    (line,) = re.findall(r"^scriptmodel_pachyderm_clock_skew_seconds (.*)$", metrics.render().decode(), re.MULTILINE)
    assert float(line) == pytest.approx(-ahead, abs=0.001)
    assert len(caplog.messages) == bool(words)
    assert all(words in message for message in caplog.messages)
    machines.ahead = 0.0
    clock.measure()
    machines.ahead = ahead
    clock.measure()
    assert len(caplog.messages) == 2 * bool(words)
