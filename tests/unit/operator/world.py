"""One ScriptModel and a fake Pachyderm, reconciled without Kubernetes: observe, decide, act, until nothing is left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from scriptmodel_operator.act.actions import execute
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.identity import FINALIZER
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.values import BranchRef, PipelineApply, PipelineRef
from scriptmodel_operator.ingest.source import Sourced
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.reconcile.assess import Given, assess, stop
from scriptmodel_operator.reconcile.failures import problem_of
from scriptmodel_operator.reconcile.repos import plan_deletion
from scriptmodel_operator.reconcile.state import State
from scriptmodel_operator.reconcile.status import status_of, status_of_problem
from tests.unit.operator.conformance import check_status
from tests.unit.operator.fake_pachyderm import FakePachyderm

CLUSTER = "cluster-1"
IMAGE = "trainer:1"
SPEC: dict[str, Any] = {"corpus": {"repo": {"name": "plays"}}, "model": {"preset": "test"}}
PLAYS = {"/hamlet.txt": b"HAMLET: To be or not to be.\n"}


def scriptmodel(spec: dict[str, Any] | None = None, **changes: Any) -> ScriptModel:
    """A ScriptModel that has its finalizer; `spec` is laid over SPEC, key by key."""
    values: dict[str, Any] = {
        "namespace": "ml",
        "name": "thrones",
        "uid": "uid-1",
        "generation": 1,
        "finalizers": (FINALIZER,),
        "spec": ScriptModelSpec.model_validate({**SPEC, **(spec or {})}),
    }
    return ScriptModel(**{**values, **changes})


MADE: list["World"] = []
"""The worlds of a test, whose followed logs are closed at its end."""


@dataclass
class World:
    """`model` is the user's current object; it has `status` as in Kubernetes."""

    pachyderm: FakePachyderm = field(default_factory=FakePachyderm)
    model: ScriptModel = field(default_factory=scriptmodel)
    image: str = IMAGE
    claim: str = ""
    """The operator's default claim for checkpoints."""
    cluster: str = CLUSTER
    source: Sourced = None
    continued: str | Problem = ""

    def __post_init__(self) -> None:
        self.observer = Observer(self.pachyderm, self.cluster, find=self._find)
        MADE.append(self)

    def _find(self, key: Key) -> ScriptModel | None:
        """Return another object of this Pachyderm, or this one."""
        found = (each.model for each in reversed(MADE) if each.pachyderm is self.pachyderm)
        return next((each for each in found if each.key == key), None)

    @property
    def corpus(self) -> BranchRef:
        return references(self.model).corpus

    @property
    def train(self) -> PipelineRef:
        return references(self.model).train

    @property
    def generate(self) -> PipelineRef:
        return references(self.model).generate

    def want(self, spec: dict[str, Any] | None = None, **changes: Any) -> None:
        """The user applies another spec; the status stays."""
        expected = ScriptModelSpec.model_validate({**SPEC, **(spec or {})})
        generation = self.model.generation + (expected != self.model.spec)
        self.model = replace(self.model, spec=expected, **{"generation": generation, **changes})

    def apply(self, spec: dict[str, Any] | None = None, **changes: Any) -> None:
        """The user applies another spec, and it is reconciled."""
        self.want(spec, **changes)
        self.reconcile()

    def train_with(self, lines: list[str]) -> None:
        """Let the training run that has logged these lines, and reconcile."""
        self.pachyderm.run(self.train, lines)
        self.observer.logs = LogFollower(self.pachyderm, limit=0)  # reads it at once
        self.reconcile()

    def finish(self, *, skipped: bool = False) -> None:
        """End the training and the writing well, and reconcile."""
        self.pachyderm.succeed(self.train, skipped=skipped)
        self.pachyderm.succeed(self.generate, skipped=skipped)
        self.reconcile()

    def read_by_others(self, ref: PipelineRef) -> PipelineRef:
        """Let somebody else have a pipeline with the same input."""
        reader = PipelineRef("default", "reader")
        theirs = replace(self.pachyderm.pipelines[ref][-1].spec, ref=reader, annotations={})
        self.pachyderm.apply_pipelines([PipelineApply(theirs)])
        return reader

    def assess(self) -> State:
        snapshot = take_snapshot(self.pachyderm, {self.model.spec.pachyderm.project})
        view = self.observer.view(self.model, snapshot)
        mark = view.train.mark if view.train else None
        owner = self.model.owner(self.cluster)
        given = Given(self.model, self.source, self.continued)
        expected = desired(self.model, view.refs, owner, mark, image=self.image, claim=self.claim, continued=given.text)
        return stop(self.model, view) or assess(given, view, expected)

    def reconcile(self) -> State:
        """Reconcile until nothing is left to do; writes the status, which must keep to the rules."""
        for _ in range(6):
            state = self.assess()
            actions = state.actions
            if not actions:
                break
            execute(self.pachyderm, actions)
        else:
            raise AssertionError(f"does not settle: {[each.text for each in actions]}")
        status = status_of(self.model, state, self.pachyderm.now)
        check_status(status, self.model.generation)
        self.model = replace(self.model, status=status)
        return state

    def end_jobs(self, steps: Mapping[PipelineRef, Callable[[], None]] | None = None) -> None:
        """End all jobs, each pipeline's before those that read its output; well where no step ends the oldest one."""
        for ref in (self.train, self.generate):
            end = (steps or {}).get(ref, partial(self.pachyderm.succeed, ref))
            while any(job.ref.pipeline == ref and not job.state.final for job in self.pachyderm.jobs.values()):
                end()

    def delete(self) -> Problem | None:
        """Until nothing is left to delete; returns what blocks that."""
        for _ in range(6):
            snapshot = take_snapshot(self.pachyderm, {self.model.spec.pachyderm.project})
            actions = plan_deletion(self.model, self.observer.owned(self.model, snapshot))
            if isinstance(actions, Problem):
                return actions
            if not actions:
                return None
            execute(self.pachyderm, actions)
        raise AssertionError("does not settle")

    def condition(self, kind: str) -> dict[str, Any]:
        conditions: list[dict[str, Any]] = self.model.status["conditions"]
        return next(each for each in conditions if each["type"] == kind)

    @property
    def ready(self) -> tuple[str, str]:
        """Status and reason of Ready."""
        condition = self.condition("Ready")
        return condition["status"], condition["reason"]

    def written(self) -> list[str]:
        """Return the writing calls since the last call of this method."""
        calls, self.pachyderm.calls = self.pachyderm.calls, []
        return calls


def started_world(spec: dict[str, Any] | None = None, **fields: Any) -> World:
    """A world with a corpus whose pipelines were just created."""
    world = World(model=scriptmodel(spec), **fields)
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    return world


def trained_world(spec: dict[str, Any] | None = None, claim: str = "") -> World:
    """A world whose model is trained and has its script."""
    world = started_world(spec, claim=claim)
    world.finish()
    assert world.ready == ("True", "Generated")
    world.written()
    return world


def persist(world: World, step: Callable[[], object]) -> None:
    """Reconcile like the queue: again after a failure, whose status keeps to the rules, too."""
    for _ in range(6):
        try:
            step()
        except EngineError as error:
            status = status_of_problem(world.model, problem_of(error), world.pachyderm.now)
            check_status(status, world.model.generation)
        else:
            return
    raise AssertionError("one fault must not keep it from its end")
