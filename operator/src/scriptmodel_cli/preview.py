"""Computes what the operator would change for an object, with the operator's own planner; reads only."""

from collections.abc import Iterator
from dataclasses import replace

from scriptmodel_cli.changes import Change, Preview, field_changes
from scriptmodel_operator.act.actions import Action, PipelineChange
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.pipelines import Desired, desired
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import CommitInfo
from scriptmodel_operator.ingest.source import Sourced
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.observe.view import CorpusView, ModelView
from scriptmodel_operator.reconcile.assess import Given, assess, stop
from scriptmodel_operator.reconcile.repos import plan_deletion
from scriptmodel_operator.reconcile.state import State


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
    view = observer.view(model, take_snapshot(gateway, {model.spec.pachyderm.project}))
    if model.deleting:
        return _of_deletion(model, view)
    mark = view.train.mark if view.train else None
    given = Given(model, source, continued)
    image, claim = mark.image if mark else "", view.train.info.spec.pods.claim if view.train else ""
    target = desired(model, view.refs, model.owner(cluster), mark, image=image, claim=claim, continued=given.text)
    if stopping := stop(model, view):
        return Preview(str(model), _of(stopping.actions, view))
    state = assess(given, view, target)
    problem = f"{state.ready.reason}: {state.ready.message}" if state.blocked else ""
    return Preview(str(model), (*_of(state.actions, view), *_later_changes(given, view, target, state)), problem)


def _of_deletion(model: ScriptModel, view: ModelView) -> Preview:
    title = f"{model} is being deleted ({model.spec.deletion_policy})"
    actions = () if model.spec.deletion_policy == "Orphan" else plan_deletion(model, view)
    if isinstance(actions, Problem):
        return Preview(title, problem=actions.message)
    return Preview(title, _of(actions, view))


def _later_changes(given: Given, view: ModelView, target: Desired, state: State) -> Iterator[Change]:
    """Yield what follows once the actions of now have been carried out."""
    yield from (_pipeline(each, view, waits=True) for each in state.difference.deferred)
    if state.difference.now:  # an update leaves a pipeline stopped; the next reconcile starts it
        yield from (Change(">", f"start step {stopped.info.ref}") for stopped in view.stopped)
    if state.ready.reason is not Reason.INGESTING:
        return
    if state.source.blocks:
        if request := given.model.spec.corpus.download:
            yield Change("~", f"fetch {request} into {view.refs.corpus}, as one commit")
        head = CommitInfo(view.refs.corpus.repo, "to come", finished=True, size_bytes=1)
        corpus = CorpusView(view.refs.corpus, head=head)
        later = replace(view, corpus=corpus)
        yield from _of(assess(replace(given, source=None), later, target).actions, later)
    elif view.base.source:
        yield Change(">", "write the steps that start from the base model, once it is copied")


_VERBS = {
    "creating": "+ create",
    "adopting": "~ adopt",
    "copying": "~ copy",
    "putting": "~ put",
    "deleting": "- delete",
    "starting": "> start",
    "stopping": "> stop",
}
"""Sign and verb of a change by the first word of an action."""


def _of(actions: tuple[Action, ...], view: ModelView) -> tuple[Change, ...]:
    return tuple(change for action in actions for change in _of_action(action, view))


def _of_action(action: Action, view: ModelView) -> Iterator[Change]:
    if action.changes:
        yield from (_pipeline(each, view) for each in action.changes)
        return
    first, _, rest = action.text.partition(" ")
    sign, verb = _VERBS[first].split()
    yield Change(sign, f"{verb} {rest}")


def _pipeline(change: PipelineChange, view: ModelView, *, waits: bool = False) -> Change:
    """Return the change of a step; with `waits` it is made once the running job has ended."""
    apply, why = change.apply, change.why
    observed = next((each for each in view.pipelines if each.info.ref == change.ref), None)
    fields = field_changes(observed.info.submitted or observed.info.spec if observed else None, apply.spec)
    if observed is None:
        return Change("+", f"create step {apply.spec.ref}", why, fields=fields)
    again = "trains again from the first epoch" if observed is view.train else "writes a new script"
    effect = again if apply.reprocess else "computes nothing again"
    if observed.running:
        job = short_id(observed.running.ref.id)
        until = f"waits until the running job {job} has ended; {effect}"
        effect = until if waits else f"{effect}; kills the running job {job}"
    return Change("~", f"update step {apply.spec.ref} to version {observed.info.version + 1}", why, effect, fields)
