"""Compares desired with observed pipelines: which have to be written, and why? Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from scriptmodel_operator.act.actions import ChangeKind, PipelineChange
from scriptmodel_operator.api.conditions import Condition
from scriptmodel_operator.api.marks import Mark
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.desired.pipelines import Desired, DesiredPipeline, retraining_requested
from scriptmodel_operator.engine.values import JobState, PipelineApply, PipelineState
from scriptmodel_operator.observe.view import ModelView, PipelineView


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes to carry out now, and changes that wait for a running job."""

    now: tuple[PipelineChange, ...] = ()
    deferred: tuple[PipelineChange, ...] = ()

    @property
    def applying(self) -> Condition:
        """What Ready says while the changes of now are made."""
        creating = all(change.kind is ChangeKind.CREATE for change in self.now)
        what = ", ".join(f"{change.ref} ({change.why})" for change in self.now)
        return Condition(Reason.CREATING if creating else Reason.UPDATING, f"writing steps {what}")


_DEFERRABLE = (ChangeKind.RESHAPE, ChangeKind.ADOPT)
_MUST_CHANGE_NOW = (PipelineState.FAILURE, PipelineState.CRASHING)
NO_DIFFERENCE = Difference()


def difference(model: ScriptModel, desired: Desired, view: ModelView) -> Difference:
    """Return all changes; none if all pipelines are as desired.

    A pipeline that is created in the transaction that updates the one which it reads would read the previous commit for
    ever, since an update makes its next commit only at the end. So it is created after that.
    """
    changes = list(_changes(model, desired, view))
    deferred = [change for change in changes if _must_wait(change, view)]
    now = [change for change in changes if change not in deferred]
    apart = bool(now) and now[0].apply.update and not now[-1].apply.update
    return Difference(tuple(now[:1] if apart else now), tuple(deferred))


def _changes(model: ScriptModel, desired: Desired, view: ModelView) -> Iterator[PipelineChange]:
    train = _change(model, desired.train, view.train)
    if train is None and view.train and view.corpus and view.corpus.untied:
        why = "a repo that it reads was deleted and created again"
        train = _write(ChangeKind.RECOMPUTE, desired.train, view.train, why, reprocess=True)
    if train is not None:
        yield train
    found = _change(model, desired.generate, view.generate)
    if found is None and train is not None and train.kind is ChangeKind.CREATE and view.generate:
        # Its input repo was deleted; an update connects the two again.
        found = _write(ChangeKind.RECOMPUTE, desired.generate, view.generate, "its input is created again")
    after_failure = train is None and _training_failed(view)  # the last good script stays until a new model exists
    if found is not None and (found.kind is ChangeKind.CREATE or not after_failure):
        yield found


def _change(model: ScriptModel, desired: DesiredPipeline, observed: PipelineView | None) -> PipelineChange | None:
    if observed is None:
        return _write(ChangeKind.CREATE, desired, None, "it does not exist")
    if observed.mark is None:
        return _write(ChangeKind.ADOPT, desired, observed, "it is adopted", reprocess=True)
    change = _requested(model, desired, observed, observed.mark) or _drift(desired, observed, observed.mark)
    if change is None and observed.info.spec.pods.claim != desired.spec.pods.claim:
        return _write(ChangeKind.RESHAPE, desired, observed, "the operator's checkpoint claim changed")
    return change


def _requested(
    model: ScriptModel, desired: DesiredPipeline, observed: PipelineView, mark: Mark
) -> PipelineChange | None:
    if mark.compute != desired.mark.compute:
        return _write(ChangeKind.RECOMPUTE, desired, observed, "the spec changed", reprocess=True)
    if desired.mark.retrain_at and retraining_requested(model, mark):
        return _write(ChangeKind.RECOMPUTE, desired, observed, "retrain-at requests it", reprocess=True)
    if mark.digest == desired.mark.digest:
        return None
    # Another corpus is trained on anyway, so the job on the old one need not end first.
    moved = observed.info.spec.input.branch != desired.spec.input.branch
    kind = ChangeKind.RECOMPUTE if moved else ChangeKind.RESHAPE
    return _write(kind, desired, observed, "the spec changed")


def _drift(desired: DesiredPipeline, observed: PipelineView, mark: Mark) -> PipelineChange | None:
    """Return the correction of a pipeline that somebody else has updated.

    While the version is that of the mark, the observed spec is the one that was sent, in the server's form. A new
    version may also come from the server's administrator, who changed defaults: what was submitted stays the same."""
    if observed.info.version == mark.version:
        return None
    theirs, ours = observed.info.submitted or observed.info.spec, desired.spec
    found = fingerprint(theirs)
    comparable = found.partition(":")[0] == mark.sent.partition(":")[0]  # those of another form cannot be compared
    if found == mark.sent or not comparable:
        return None
    computes = (theirs.image, theirs.command) != (ours.image, ours.command)
    return _write(ChangeKind.CORRECT, desired, observed, "somebody else changed it", reprocess=computes)


def _write(
    kind: ChangeKind, desired: DesiredPipeline, observed: PipelineView | None, why: str, *, reprocess: bool = False
) -> PipelineChange:
    spec = desired.as_version(observed.info.version + 1 if observed else 1)
    return PipelineChange(kind, PipelineApply(spec, update=observed is not None, reprocess=reprocess), why)


def _must_wait(change: PipelineChange, view: ModelView) -> bool:
    """Return whether a change that recomputes nothing waits for the running job, which an update would kill."""
    observed = next((each for each in view.pipelines if each.info.ref == change.ref), None)
    if observed is None or observed.info.state in _MUST_CHANGE_NOW or observed.running is None:
        return False
    return change.kind in _DEFERRABLE and not change.apply.reprocess


def _training_failed(view: ModelView) -> bool:
    newest = view.train.newest if view.train else None
    return newest is not None and newest.state is JobState.FAILURE
