"""From an object and its view to its state. Pure: no I/O, no clock of its own."""

from __future__ import annotations

from dataclasses import replace

from scriptmodel_operator.api.conditions import ConditionStatus, ConditionType
from scriptmodel_operator.api.marks import Ownership
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.spec import DriftPolicy
from scriptmodel_operator.desired.pipelines import Desired
from scriptmodel_operator.observe.view import ModelView, PipelineView
from scriptmodel_operator.pachyderm.values import JobRef
from scriptmodel_operator.reconcile.actions import StartPipeline
from scriptmodel_operator.reconcile.corpus import Sourced, intake, unused
from scriptmodel_operator.reconcile.difference import difference
from scriptmodel_operator.reconcile.obstacles import corpus_stage, obstacle
from scriptmodel_operator.reconcile.origins import told_origin
from scriptmodel_operator.reconcile.stages import as_told, generation_stage, overdue, still_open, training_stage
from scriptmodel_operator.reconcile.state import NOT_STARTED, Elapsed, Intake, ModelState, Problem, Stage
from scriptmodel_operator.reconcile.wording import short


def assess(
    model: ScriptModel, wanted: Desired, view: ModelView, elapsed: Elapsed, source: Sourced = None
) -> ModelState:
    """The whole state of an object that is not being deleted. `source` has what is known of a corpus of its own."""
    state = _assessed(model, wanted, view, elapsed, source)
    told = {each.get("type"): str(each.get("message", "")) for each in model.status.get("conditions", [])}
    trained = as_told(state.trained, told.get(ConditionType.TRAINED.value, ""))
    generated = as_told(state.generated, told.get(ConditionType.GENERATED.value, ""))
    return replace(state, trained=trained, generated=generated)


def _assessed(model: ScriptModel, wanted: Desired, view: ModelView, elapsed: Elapsed, source: Sourced) -> ModelState:
    if model.spec.suspend:
        return _suspended(model, view)
    problem = obstacle(model, view)
    if problem is not None:
        return _with_stages(ModelState(problem=problem, intake=Intake(origin=told_origin(model))), view)
    found = intake(model, wanted.train.mark.owner, source, view)
    if found.problem or found.actions or found.waiting:
        state = ModelState(problem=found.problem, intake=found, stop_jobs=_overdue(model, view, elapsed))
        return replace(_with_stages(state, view), corpus=_corpus_to_come(found))
    state = _of_pipelines(model, wanted, view, elapsed)
    return replace(state, intake=found, corpus=_with_note(state.corpus, found.note))


def _of_pipelines(model: ScriptModel, wanted: Desired, view: ModelView, elapsed: Elapsed) -> ModelState:
    """Once nothing has to be done first."""
    corpus = _corpus(view)
    differs = difference(model, wanted, view)
    if (differs.now or view.train is None) and view.corpus is not None and not corpus.done:
        problem = Problem(corpus.reason, corpus.message, corpus.stalled)
        state = ModelState(problem=problem, stop_jobs=_overdue(model, view, elapsed))
        return replace(_with_stages(state, view), corpus=corpus)
    by_hand = not was_suspended(model)
    stopped = tuple(
        StartPipeline(seen.info.ref, _last_job(seen) if by_hand else "") for seen in stopped_pipelines(view)
    )
    tolerant = model.spec.drift_policy is DriftPolicy.WARN and by_hand
    state = ModelState(
        changes=differs.now,
        deferred=differs.deferred,
        drifted=differs.tolerated,
        start=() if differs.now or tolerant else stopped,
        drop_repos=unused(model, view),
        stop_jobs=() if differs.now else _overdue(model, view, elapsed),
    )
    if stopped and tolerant:
        names = ", ".join(str(each.ref) for each in stopped)
        waits = ", ".join(f"{each.ref} ({each.why})" for each in (*differs.now, *differs.deferred))
        text = f"somebody stopped {names}: start it, or set driftPolicy: Correct"
        text += f"; until then nothing is written to {waits}" if waits else ""
        problem = Problem(Reason.DRIFTED, text)
        state = replace(state, problem=problem)
    return _with_stages(state, view)


def _overdue(model: ScriptModel, view: ModelView, elapsed: Elapsed) -> tuple[tuple[JobRef, str], ...]:
    return () if stopped_pipelines(view) else overdue(model, view, elapsed)


def _with_stages(state: ModelState, view: ModelView) -> ModelState:
    """A pipeline that is not there is being created only where nothing keeps it from that."""
    trained = training_stage(view) if view.train or state.changes else NOT_STARTED
    generated = generation_stage(view, trained) if view.generate or state.changes else NOT_STARTED
    return replace(state, corpus=_corpus(view), trained=trained, generated=generated)


def _corpus_to_come(found: Intake) -> Stage:
    if found.problem is not None:
        return Stage(ConditionStatus.FALSE, found.problem.reason, found.problem.message, found.problem.stalled)
    return Stage(ConditionStatus.FALSE, Reason.INGESTING, found.waiting or "the corpus is being put into Pachyderm")


def corpus_beside(problem: Problem, state: ModelState) -> Stage:
    """The corpus as it was seen before an action of `state` met a problem, which may be about the corpus itself."""
    if not state.intake.actions:
        return state.corpus
    return Stage(ConditionStatus.FALSE, problem.reason, problem.message, problem.stalled)


def _with_note(corpus: Stage, note: str) -> Stage:
    return replace(corpus, reason=Reason.CHECK_FAILED, message=note) if note and corpus.done else corpus


def _corpus(view: ModelView) -> Stage:
    if view.corpus is not None:
        return corpus_stage(view.corpus)
    commits = view.told_commits
    if commits is None or commits.corpus is None:
        return Stage(ConditionStatus.UNKNOWN, Reason.PROGRESSING, "the train pipeline has not read the corpus yet")
    if view.train is not None and commits.corpus_open:
        message = still_open(view.train, commits)
        return Stage(ConditionStatus.FALSE, Reason.WAITING_FOR_CORPUS_COMMIT, message)
    return Stage(
        ConditionStatus.TRUE,
        Reason.CORPUS_FOUND,
        f"training reads the newest commit of the corpus (commit {short(commits.corpus)})",
    )


def _ours(seen: PipelineView | None) -> bool:
    return seen is not None and seen.ownership in (Ownership.OURS, Ownership.SUCCESSOR)


def _suspended(model: ScriptModel, view: ModelView) -> ModelState:
    running = [seen for seen in (view.generate, view.train) if seen and _ours(seen) and not seen.info.stopped]
    stop = tuple(seen.info.ref for seen in running)
    state = ModelState(stop=stop, suspended=True, intake=Intake(origin=told_origin(model)))
    return _with_stages(state, view)


def stopped_pipelines(view: ModelView) -> tuple[PipelineView, ...]:
    """Of ours; training first."""
    return tuple(seen for seen in (view.train, view.generate) if seen and _ours(seen) and seen.info.stopped)


def _last_job(seen: PipelineView) -> str:
    return seen.jobs[0].ref.id if seen.jobs else "none"


def was_suspended(model: ScriptModel) -> bool:
    """Whether `suspend` has stopped what is stopped now, and nobody else, as the status remembers."""
    conditions = model.status.get("conditions", [])
    told = next((each.get("reason") for each in conditions if each.get("type") == "Ready"), "")
    return bool(model.status.get("suspended")) or told == Reason.SUSPENDED.value
