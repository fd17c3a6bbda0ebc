"""Builds the whole status. Pure: the same state, view and time give the same status."""

from datetime import datetime
from typing import Any

from scriptmodel_operator.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Problem,
    conditions_of,
    cut,
    render_conditions,
    timestamp,
)
from scriptmodel_operator.api.durations import format_duration
from scriptmodel_operator.api.network import AUTO_PRESET
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import (
    GenerationStatus,
    Lineage,
    Perplexity,
    PipelineStatus,
    ScriptModelStatus,
    SourceStatus,
    TrainingStatus,
    UrlError,
    to_wire,
)
from scriptmodel_operator.desired.base import copied_commit
from scriptmodel_operator.engine.values import JobInfo, JobState
from scriptmodel_operator.observe.progress import LogDigest, Progress
from scriptmodel_operator.observe.trainer_files import ModelMetrics
from scriptmodel_operator.observe.view import ModelView, PipelineView
from scriptmodel_operator.reconcile.search import SearchProgress
from scriptmodel_operator.reconcile.stages import failure
from scriptmodel_operator.reconcile.state import CorpusSource, Stages, State

_MAX_REASON = 500
_STAGES = (ConditionType.CORPUS_READY, ConditionType.TRAINED, ConditionType.GENERATED)


def status_of(model: ScriptModel, state: State, now: datetime, *, downloading: bool = False) -> dict[str, Any]:
    """Return the status of an object.

    While a download is running, reconcile-at is not yet handled, since it requests the download too.
    """
    view, stages = state.view, state.stages
    if view is None or stages is None:
        return status_of_problem(model, state.ready, now)
    handled = model.previous.last_handled_reconcile_at if downloading else model.reconcile_at
    mark, script = view.train.mark if view.train else None, state.chosen.script
    training = _training_status(model, view, state.runs)
    writer = view.generate.newest if view.generate else None
    log, last = view.generate.log if view.generate else None, model.previous.generation.failure
    # The figure of the training in progress, else of the model whose script the status shows.
    shown = training.perplexity.best if training.perplexity else None
    if not (view.train and view.train.running):
        metrics = script.metrics if script else view.metrics
        shown = _figure(metrics.best) if metrics else None
    status = ScriptModelStatus(
        observed_generation=model.generation,
        last_handled_reconcile_at=handled or None,
        last_handled_retrain_at=(mark.retrain_at if mark else "") or None,
        suspended=state.ready.reason is Reason.SUSPENDED or None,
        perplexity=shown,
        training=training,
        generation=GenerationStatus(failure=failure(writer, log, last, generating=True) if writer else None),
        script=script.script.status if script and script.script else None,
        lineage=_lineage(model, view, state),
        search=state.runs.status if state.runs else None,
        source=_source(model, state.source),
        pipelines=[
            PipelineStatus(
                name=seen.info.ref.name,
                version=seen.info.version,
                state=seen.info.state.name,
                reason=cut(seen.info.reason, _MAX_REASON) or None,
            )
            for seen in view.pipelines
        ],
    )
    conditions = _summary(state.ready, deferred=bool(state.difference.deferred)) | _of_stages(stages)
    return {**to_wire(status), "conditions": render_conditions(conditions, model.status, model.generation, now)}


def status_of_problem(
    model: ScriptModel, problem: Condition, now: datetime, corpus: Condition | None = None
) -> dict[str, Any]:
    """Return the previous status with `problem` in its conditions; only `corpus` was observed, or nothing."""
    wire = {**model.status, "observedGeneration": model.generation}
    # Else reconcile-at requests a download, too.
    if model.reconcile_at and (problem.stalled or model.spec.corpus.download is None):
        wire["lastHandledReconcileAt"] = model.reconcile_at
    known = conditions_of(model.status)
    unseen = Condition(Reason.PENDING, "not observed yet", ConditionStatus.UNKNOWN)
    seen = _summary(problem) | {kind: unseen for kind in _STAGES if kind.value not in known}
    if corpus is not None:
        seen[ConditionType.CORPUS_READY] = corpus
    rendered = {item["type"]: item for item in render_conditions(seen, model.status, model.generation, now)}
    wire["conditions"] = [rendered.get(kind.value) or dict(known[kind.value]) for kind in ConditionType]
    return wire


def _of_stages(stages: Stages) -> dict[ConditionType, Condition]:
    return dict(zip(_STAGES, (stages.corpus, stages.trained, stages.generated), strict=True))


def _summary(ready: Condition, *, deferred: bool = False) -> dict[ConditionType, Condition]:
    """Return Ready, Reconciling and Stalled, of which at most one is True."""
    true, quiet = ConditionStatus.TRUE, Condition(Reason.SUCCEEDED if ready.done else ready.reason)
    suspended = ready.reason is Reason.SUSPENDED and not isinstance(ready, Problem)
    busy = not (ready.done or ready.stalled or suspended)
    reason = Reason.UPDATE_DEFERRED if deferred else ready.reason
    not_stalled = Condition(Reason.PROGRESSING) if busy else quiet
    return {
        ConditionType.READY: Condition(ready.reason, ready.message, ready.status),
        ConditionType.RECONCILING: Condition(reason, ready.message, true) if busy else quiet,
        ConditionType.STALLED: Condition(ready.reason, ready.message, true) if ready.stalled else not_stalled,
    }


def _source(model: ScriptModel, known: CorpusSource) -> SourceStatus | None:
    """Return what is known of a corpus that is fetched; None while the corpus has another source."""
    if model.spec.corpus.download is None:
        return None
    errors = [UrlError(url=url, message=message) for url, message in known.errors.items()]
    return (known.record or SourceStatus()).model_copy(update={"errors": errors})


def _training_status(model: ScriptModel, view: ModelView, runs: SearchProgress | None) -> TrainingStatus:
    """Describe the running train job, else the newest one, or the job whose result the newest one repeats.

    Empty before the first job.
    """
    train = view.train
    job = (train.last_good if view.repeats else train.reported) if train else None
    if train is None or job is None:
        return TrainingStatus()
    trained, last, log = train.computed(job), model.previous.training, train.log or LogDigest()
    start, end = _time(trained.started), _time(trained.finished)
    kept = last if start and start == last.start_time else TrainingStatus()
    found = TrainingStatus(
        start_time=start,
        completion_time=end,
        gpu_seconds=runs.status.gpu_seconds if runs else _gpu_seconds(view, train, trained),
        preset=log.progress.preset or kept.preset if model.spec.model.preset == AUTO_PRESET else None,
        warnings=list(dict.fromkeys(log.messages)) or None if log.lines else kept.warnings,
        device=log.device or kept.device,
        failure=failure(job, train.log, last.failure, generating=False),
        restarts=(log.resumed or kept).restarts,
        resumed_at=(log.resumed or kept).resumed_at,
    )
    if job.state is JobState.SUCCESS and view.metrics and view.good and view.good.model == job.ref.id:
        return found.model_copy(update=_finished(view.metrics, found))
    if runs:
        known = {"progress_percent": runs.status.progress_percent, "perplexity": Perplexity(best=runs.perplexity)}
        return found.model_copy(update=known | {"eta": _eta(None if job.state.final else runs.status.eta_seconds)})
    if job.state is JobState.SUCCESS:
        return found
    if train.log and not log.progress.epochs and end and end == last.completion_time:
        return last.model_copy(update={"failure": found.failure})  # the log is gone
    return found.model_copy(update=_from_log(log.progress, running=not job.state.final))


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _finished(metrics: ModelMetrics, known: TrainingStatus) -> dict[str, object]:
    epochs = len(metrics.epochs)
    # The log may not have been read to the last restart.
    unseen = (metrics.restarts or 0) > (known.restarts or 0)
    return {
        **_progress(epochs, epochs, 100, metrics.words_per_second, best=metrics.best, **dict(metrics.perplexity)),
        **({"device": metrics.device} if metrics.device else {}),
        **({"preset": metrics.chosen_preset} if metrics.chosen_preset else {}),
        **({"restarts": metrics.restarts, "resumed_at": None} if unseen else {}),
    }


def _from_log(log: Progress, *, running: bool) -> dict[str, object]:
    if not log.epochs:
        return {}
    perplexity = {"train": log.train_perplexity, "valid": log.valid_perplexity, "best": log.best_perplexity}
    perplexity |= {"running": log.running_perplexity} if running else {}
    found = _progress(log.epoch, log.epochs, log.percent or 0, log.words_per_second, **perplexity)
    return {**found, "sample": log.sample or None, "eta": _eta(log.eta_seconds if running else None)}


def _eta(seconds: float | None) -> str | None:
    return None if seconds is None else format_duration(seconds)


def _progress(
    epoch: int, epochs: int, percent: int, words_per_second: float | None, **perplexity: float | None
) -> dict[str, object]:
    return {
        "epoch_progress": f"{epoch}/{epochs}",
        "progress_percent": percent,
        "words_per_second": None if words_per_second is None else round(words_per_second),
        "perplexity": Perplexity(**{name: _figure(value) for name, value in perplexity.items()}),
    }


def _gpu_seconds(view: ModelView, train: PipelineView, job: JobInfo) -> int | None:
    """Return GPUs times seconds."""
    gpus = train.info.spec.limits.gpu_count
    if not gpus or job.started is None:
        return None
    took = job.finished - job.started if job.finished else view.elapsed(job.started)
    return max(0, int(gpus * took.total_seconds()))


def _lineage(model: ScriptModel, view: ModelView, state: State) -> Lineage:
    """Return the commits that the script was made from; before the first script, those of the newest model."""
    newest, script = view.newest_script, state.chosen.script
    source = script.model if script else view.good
    if source is None:
        return Lineage()
    output, metrics = view.refs.generate.output, script.metrics if script else view.metrics
    made = f"{source.repo}@{source.model}{source.folder and ':' + source.folder}"
    return Lineage(
        corpus=f"{source.corpus_repo}@{source.corpus}" if source.corpus_repo else None,
        model=made,
        script=f"{output}@{script.commit}" if script else None,
        base=_base_commit(model, view, made) if source.base else metrics.base or None if metrics else None,
        held_back=f"{output}@{newest.commit}" if newest and state.chosen.held_back else None,
    )


def _base_commit(model: ScriptModel, view: ModelView, made: str) -> str:
    """Return the commit that the base of a model is a copy of; its repo is known while the spec names it."""
    last, commit = model.previous.lineage, copied_commit(view.base.current)
    if last.base and (last.model == made or last.base.endswith(commit)):
        return last.base
    return f"{view.base.repo}@{commit}" if view.base.repo else commit


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
