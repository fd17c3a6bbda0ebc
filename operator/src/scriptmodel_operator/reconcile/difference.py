"""Compares desired with observed pipelines: which have to be written, and why? Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from scriptmodel_operator.act.actions import PipelineChange
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
        creating = not any(change.apply.update for change in self.now)
        what = ", ".join(f"{change.ref} ({change.why})" for change in self.now)
        return Condition(Reason.CREATING if creating else Reason.UPDATING, f"writing steps {what}")


_MUST_CHANGE_NOW = (PipelineState.FAILURE, PipelineState.CRASHING)
NO_DIFFERENCE = Difference()


def difference(model: ScriptModel, desired: Desired, view: ModelView) -> Difference:
    """Return all changes; none if all pipelines are as desired.

    A pipeline that is created in the transaction that updates the one which it reads would read the previous commit for
    ever, since an update makes its next commit only at the end. So it is created after that.
    """
    changes = list(_changes(model, desired, view))
    running = {seen.info.ref for seen in view.pipelines if seen.running and seen.info.state not in _MUST_CHANGE_NOW}
    deferred = [change for change in changes if change.waits and change.ref in running]
    now = [change for change in changes if change not in deferred]
    apart = bool(now) and now[0].apply.update and not now[-1].apply.update
    return Difference(tuple(now[:1] if apart else now), tuple(deferred))


def _changes(model: ScriptModel, desired: Desired, view: ModelView) -> Iterator[PipelineChange]:
    train, generate = _change(model, desired.train, view.train), _change(model, desired.generate, view.generate)
    if train is None and view.train and view.refs.searches and view.own_trials is None:
        train = _write(desired.train, view.train, "the repo of its runs is created again", reprocess=True)
    if train is not None:
        yield train
    if generate is None and train is not None and not train.apply.update and view.generate:
        # Its input repo was deleted; an update connects the two again.
        generate = _write(desired.generate, view.generate, "its input is created again")
    newest = view.train.newest if view.train else None
    failed = newest is not None and newest.state is JobState.FAILURE
    # After a failure, the last good script stays until a new model exists.
    if generate is not None and not (generate.apply.update and failed and train is None):
        yield generate


def _change(model: ScriptModel, desired: DesiredPipeline, observed: PipelineView | None) -> PipelineChange | None:
    """Decide whether a pipeline is written, and whether what it has computed is computed again.

    The user's spec decides, by its digests, and retrain-at; neither an upgrade nor a default of the operator does.
    """
    if observed is None:
        return _write(desired, None, "it does not exist")
    mark, wanted = observed.mark, desired.mark
    if mark is None:
        return _write(desired, observed, "it is adopted", reprocess=True)
    retrained = bool(wanted.retrain_at) and retraining_requested(model, mark)
    if mark.compute != wanted.compute or retrained:
        why = "retrain-at requests it" if mark.compute == wanted.compute else "the spec changed"
        return _write(desired, observed, why, reprocess=True)
    if mark.digest != wanted.digest:
        # Another corpus is trained on anyway, so the job on the old one need not end first.
        moved = observed.info.spec.input.branch != desired.spec.input.branch
        return _write(desired, observed, "the spec changed", waits=not moved)
    drift = _drift(desired, observed, mark) if observed.info.version != mark.version else None
    if drift is None and observed.info.spec.pods.claim != desired.spec.pods.claim:
        return _write(desired, observed, "the operator's checkpoint claim changed", waits=True)
    return drift


def _drift(desired: DesiredPipeline, observed: PipelineView, mark: Mark) -> PipelineChange | None:
    """Return the correction of a pipeline whose version is not that of the mark, if somebody else has updated it.

    A new version may also come from the server's administrator, who changed defaults: what was submitted stays the
    same.
    """
    theirs, ours = observed.info.submitted or observed.info.spec, desired.spec
    found = fingerprint(theirs)
    comparable = found.partition(":")[0] == mark.sent.partition(":")[0]  # those of another form cannot be compared
    if found == mark.sent or not comparable:
        return None
    computes = (theirs.image, theirs.command) != (ours.image, ours.command)
    return _write(desired, observed, "somebody else changed it", reprocess=computes)


def _write(
    desired: DesiredPipeline, observed: PipelineView | None, why: str, *, reprocess: bool = False, waits: bool = False
) -> PipelineChange:
    spec = desired.as_version(observed.info.version + 1 if observed else 1)
    return PipelineChange(PipelineApply(spec, update=observed is not None, reprocess=reprocess), why, waits)
