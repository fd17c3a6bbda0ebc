"""Desired against observed pipelines: which have to be written, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from scriptmodel_operator.api.marks import Mark, Ownership
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.spec import DriftPolicy
from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.desired.pipelines import Desired, DesiredPipeline, wants_retraining
from scriptmodel_operator.observe.view import ModelView, PipelineView
from scriptmodel_operator.pachyderm.values import JobState, PipelineApply, PipelineRef, PipelineState


class ChangeKind(Enum):
    """Why a pipeline is written."""

    CREATE = "create"
    RECOMPUTE = "recompute"
    RESHAPE = "reshape"
    """A change that needs no new computation."""
    ADOPT = "adopt"
    CORRECT = "correct"
    """Drift."""


@dataclass(frozen=True, slots=True)
class Change:
    """A pipeline to write, and why."""

    kind: ChangeKind
    apply: PipelineApply
    why: str

    @property
    def ref(self) -> PipelineRef:
        return self.apply.spec.ref


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes to carry out now, changes that wait for a running job, and drift that is only reported."""

    now: tuple[Change, ...] = ()
    deferred: tuple[Change, ...] = ()
    tolerated: tuple[Change, ...] = ()
    """Drift that is left because spec.driftPolicy is Warn."""


_DEFERRABLE = (ChangeKind.RESHAPE, ChangeKind.ADOPT)
_MUST_CHANGE_NOW = (PipelineState.FAILURE, PipelineState.CRASHING)
NO_DIFFERENCE = Difference()


def difference(model: ScriptModel, wanted: Desired, view: ModelView) -> Difference:
    """Empty when both pipelines are as they should be."""
    changes = list(_changes(model, wanted, view))
    tolerant = model.spec.drift_policy is DriftPolicy.WARN
    tolerated = [change for change in changes if tolerant and change.kind is ChangeKind.CORRECT]
    due = [change for change in changes if change not in tolerated]
    deferred = [change for change in due if _must_wait(change, view)]
    now = tuple(change for change in due if change not in deferred)
    return Difference(now, tuple(deferred), tuple(tolerated))


def _changes(model: ScriptModel, wanted: Desired, view: ModelView) -> Iterator[Change]:
    train = _change(model, wanted.train, view.train)
    if train is None and view.train and view.corpus and view.corpus.untied:
        why = "its corpus repo was deleted and made anew"
        train = _write(ChangeKind.CORRECT, wanted.train, view.train, why, reprocess=True)
    if train is not None:
        yield train
    generate = _change(model, wanted.generate, view.generate)
    if generate is None and train is not None and train.kind is ChangeKind.CREATE and view.generate:
        # Its input was deleted under it; an update ties the two together again.
        generate = _write(ChangeKind.CORRECT, wanted.generate, view.generate, "its input is created anew")
    if generate is None:
        return
    if train is None and _training_failed(view) and generate.kind is not ChangeKind.CREATE:
        return  # the last good script stays until there is a model to write another one from
    yield generate


def _change(model: ScriptModel, wanted: DesiredPipeline, seen: PipelineView | None) -> Change | None:
    if seen is None:
        return _write(ChangeKind.CREATE, wanted, None, "it does not exist")
    if seen.mark is None:
        return _write(ChangeKind.ADOPT, wanted, seen, "it is adopted", reprocess=True)
    change = _asked_for(model, wanted, seen, seen.mark) or _drift(wanted, seen, seen.mark)
    if seen.ownership is not Ownership.OTHER_CLUSTER:
        return change
    # What another cluster's operator had trained from the same spec is trained.
    return _write(ChangeKind.ADOPT, wanted, seen, "it is adopted", reprocess=bool(change and change.apply.reprocess))


def _asked_for(model: ScriptModel, wanted: DesiredPipeline, seen: PipelineView, mark: Mark) -> Change | None:
    """What the user's spec or annotation asks for."""
    if mark.compute not in wanted.known:
        return _write(ChangeKind.RECOMPUTE, wanted, seen, "the spec changed", reprocess=True)
    if wanted.mark.retrain_at and wants_retraining(model, mark):
        return _write(ChangeKind.RECOMPUTE, wanted, seen, "retrain-at asks for it", reprocess=True)
    if mark.digest in wanted.known:
        return None
    # Another corpus is computed anyway, and nobody wants to wait for the end of training on the old one.
    moved = seen.info.spec.input_branch != wanted.spec.input_branch
    kind = ChangeKind.RECOMPUTE if moved else ChangeKind.RESHAPE
    return _write(kind, wanted, seen, "the spec changed")


def _drift(wanted: DesiredPipeline, seen: PipelineView, mark: Mark) -> Change | None:
    """Nobody has written since the mark was: then what is there is what was sent, as the server puts it."""
    if seen.info.version == mark.version:
        return None
    observed = fingerprint(seen.info.spec)
    differs = _comparable(observed, mark.sent) and observed != mark.sent
    return _correction(wanted, seen) if differs else None


def _correction(wanted: DesiredPipeline, seen: PipelineView) -> Change:
    theirs, ours = seen.info.spec, wanted.spec
    computes = (theirs.image, theirs.command) != (ours.image, ours.command)
    return _write(ChangeKind.CORRECT, wanted, seen, "somebody else changed it", reprocess=computes)


def _comparable(one: str, other: str) -> bool:
    """Fingerprints of different forms say nothing about each other."""
    return one.partition(":")[0] == other.partition(":")[0]


def _write(
    kind: ChangeKind, wanted: DesiredPipeline, seen: PipelineView | None, why: str, *, reprocess: bool = False
) -> Change:
    spec = wanted.as_version(seen.info.version + 1 if seen else 1)
    return Change(kind, PipelineApply(spec, update=seen is not None, reprocess=reprocess), why)


def _must_wait(change: Change, view: ModelView) -> bool:
    """An update kills the running job: one that needs no new computation can wait for its end."""
    seen = next((each for each in (view.train, view.generate) if each and each.info.ref == change.ref), None)
    if seen is None or change.kind not in _DEFERRABLE or change.apply.reprocess or seen.info.state in _MUST_CHANGE_NOW:
        return False
    return seen.running is not None


def _training_failed(view: ModelView) -> bool:
    newest = view.train.newest if view.train else None
    return newest is not None and newest.state is JobState.FAILURE
