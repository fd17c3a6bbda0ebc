"""Computes what the operator would change for an object, with the operator's own planner; reads only."""

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from scriptmodel_cli.changes import Change, Preview, field_changes
from scriptmodel_operator.act.actions import (
    Action,
    ApplyPipelines,
    CreateRepo,
    DeletePipeline,
    DeleteRepo,
    PipelineChange,
    ReplaceFiles,
)
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import CommitInfo, PipelineRef
from scriptmodel_operator.ingest.source import Sourced
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.observe.view import CorpusView, ModelView, PipelineView
from scriptmodel_operator.reconcile.assess import Given, Observed, assess, stop
from scriptmodel_operator.reconcile.deletion import plan_deletion
from scriptmodel_operator.reconcile.state import Applied, Applying, Blocked, Ingesting, ModelState, Suspended
from scriptmodel_operator.reconcile.training import BUDGET_RAISED


def preview(
    gateway: Gateway,
    model: ScriptModel,
    cluster: str,
    source: Sourced,
    base: ScriptModel | None = None,
    continued: str | Problem = "",
) -> Preview:
    """Return the planned changes. Raises EngineError.

    `base` is the object in spec.model.from.
    """
    observer = Observer(gateway, cluster, find=lambda _key: base)
    observer.logs = LogFollower(gateway, limit=0)  # one snapshot: logs are not followed
    snapshot = take_snapshot(gateway, {model.spec.pachyderm.project})
    view = observer.view(model, snapshot)
    if model.deleting:
        return _of_deletion(model, view)
    mark = view.train.mark if view.train else None
    given = Given(model, source, continued)
    image = mark.image if mark else ""
    claim = view.train.claim if view.train else ""
    target = desired(model, view.refs, model.owner(cluster), mark, image=image, claim=claim, continued=given.text)
    if stopping := stop(model, view):
        return Preview(str(model), tuple(change for action in stopping.actions for change in _of_action(action, view)))
    observed = Observed(given, view, target)
    state = assess(observed).state
    problem = f"{state.problem.reason}: {state.problem.message}" if isinstance(state, Blocked) else ""
    changes = [change for action in state.actions for change in _of_action(action, view)]
    changes += _later_changes(observed, state)
    if not isinstance(state, Suspended | Blocked):
        changes += _trials(view)
    return Preview(str(model), tuple(changes), problem)


def _later_changes(observed: Observed, state: ModelState) -> Iterator[Change]:
    view = observed.view
    match state:
        case Suspended() | Blocked():
            return
        case Ingesting() if not state.source.waits_for:
            if view.base.source:
                yield Change(">", "write the steps that start from the base model, once it is copied")
        case Ingesting():
            if request := observed.given.model.spec.corpus.download:
                yield Change("~", f"fetch {request} into {view.refs.corpus}, as one commit")
            yield from _after_ingest(observed)
        case Applying(difference=difference):
            yield from (_later(deferred, view) for deferred in difference.deferred)
            # an update leaves a pipeline stopped; the next reconcile starts it
            yield from (Change(">", f"start step {observed.info.ref}") for observed in view.stopped)
        case Applied(difference=difference):
            yield from (_later(deferred, view) for deferred in difference.deferred)
        case _:
            assert_never(state)


def _of_deletion(model: ScriptModel, view: ModelView) -> Preview:
    title = f"{model} is being deleted ({model.spec.deletion_policy})"
    actions = () if model.spec.deletion_policy == "Orphan" else plan_deletion(model, view)
    if isinstance(actions, Problem):
        return Preview(title, problem=actions.message)
    return Preview(title, tuple(change for action in actions for change in _of_action(action, view)))


def _after_ingest(observed: Observed) -> list[Change]:
    view, given = observed.view, replace(observed.given, source=None)
    branch = view.refs.corpus
    head = CommitInfo(branch.repo, branch.name, "to come", finished=True, size_bytes=1)
    corpus = CorpusView(branch, head=head, untied=view.corpus is not None and view.corpus.untied)
    found = assess(replace(observed, given=given, view=replace(view, corpus=corpus)))
    return [change for action in found.actions for change in _of_action(action, view)]


def _of_action(action: Action, view: ModelView) -> Iterator[Change]:
    match action:
        case ApplyPipelines(changes):
            yield from (_pipeline(each, view) for each in changes)
        case CreateRepo(ref, adopt=adopt):
            yield Change("~" if adopt else "+", f"{'adopt' if adopt else 'create'} repo {ref}")
        case ReplaceFiles() if action.branch == view.refs.trials:
            return  # the trials are counted
        case ReplaceFiles() if not action.files:
            yield Change("~", action.describe().replace("copying", "copy", 1))
        case ReplaceFiles(branch, files, gone):
            removed = f" and remove {len(gone)}" if gone else ""
            yield Change("~", f"put {len(files)} files into {branch}{removed}, as one commit")
        case DeletePipeline() | DeleteRepo():
            yield Change("-", action.describe().replace("deleting", "delete", 1).replace("keeping", "keep"))
        case _:
            verb, _, rest = action.describe().partition(" ")
            yield Change(">", f"{ {'starting': 'start', 'stopping': 'stop'}.get(verb, verb) } {rest}")


def _observed(ref: PipelineRef, view: ModelView) -> PipelineView | None:
    return next((observed for observed in view.pipelines if observed.info.ref == ref), None)


def _pipeline(change: PipelineChange, view: ModelView) -> Change:
    apply, why, observed = change.apply, change.why, _observed(change.ref, view)
    fields = field_changes(observed.info.submitted or observed.info.spec if observed else None, apply.spec)
    if observed is None:
        return Change("+", f"create step {apply.spec.ref}", why, fields=fields)
    again = "selects the best model" if observed is view.select else "writes a new script"
    if observed is view.train:
        again = "trains again from the first epoch"
    if why == BUDGET_RAISED:
        again = "continues training from its checkpoint, or from the first epoch if no claim keeps checkpoints"
    effect = again if apply.reprocess else "computes nothing again"
    if observed.running:
        job = short_id(observed.running.ref.id)
        effect += f"; kills the running job {job}"
    return Change("~", f"update step {apply.spec.ref} to version {observed.info.version + 1}", why, effect, fields)


def _later(change: PipelineChange, view: ModelView) -> Change:
    observed = _observed(change.ref, view)
    job = short_id(observed.running.ref.id) if observed and observed.running else ""
    return replace(
        _pipeline(change, view), effect=f"waits until the running job {job} has ended; computes nothing again"
    )


def _trials(view: ModelView) -> Iterator[Change]:
    """Yield how many trials of a search are new or changed, and how many are dropped."""
    wanted, present = (view.search.plan.runs, view.search.present) if view.search else ({}, {})
    due = {name for name, run in wanted.items() if present.get(name) != run}
    for sign, verb, names in (("+", "train {} new trial", due), ("-", "drop {} trial", present.keys() - wanted.keys())):
        if trials := len({name.partition(".")[0] for name in names}):
            yield Change(sign, verb.format(trials) + "s"[: trials != 1])
