"""Builds the details of a status: training, script, lineage, pipelines. Pure."""

from datetime import datetime

from scriptmodel_operator.api.conditions import cut, timestamp
from scriptmodel_operator.api.durations import format_duration
from scriptmodel_operator.api.network import AUTO_PRESET
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import (
    GenerationStatus,
    Lineage,
    Perplexity,
    PipelineStatus,
    TrainingStatus,
)
from scriptmodel_operator.desired.base import copied_commit, is_copy_of
from scriptmodel_operator.engine.values import JobInfo, JobState
from scriptmodel_operator.observe.progress import LogDigest, Progress
from scriptmodel_operator.observe.trainer_files import ModelMetrics
from scriptmodel_operator.observe.view import ModelCommits, ModelView, PipelineView, WrittenScript
from scriptmodel_operator.reconcile.chosen import Chosen
from scriptmodel_operator.reconcile.search import SearchProgress
from scriptmodel_operator.reconcile.training import (
    restarts_in_log,
    restarts_in_metrics,
    warnings_of,
    warnings_of_model,
)
from scriptmodel_operator.reconcile.wording import failure

_MAX_REASON = 500


def training_status(model: ScriptModel, view: ModelView, runs: SearchProgress | None) -> TrainingStatus:
    """Describe the running train job, else the newest one, or the job whose result the newest one repeats.

    Empty before the first job.
    """
    train = view.train
    job = (train.last_good if view.repeats else train.reported) if train else None
    if train is None or job is None:
        return TrainingStatus()
    trained, last, log = train.computed(job), model.previous.training, view.logs.training or LogDigest()
    start, end = _time(trained.started), _time(trained.finished)
    kept = last if start and start == last.start_time else TrainingStatus()
    preset = log.progress.preset or kept.preset if model.spec.model.preset == AUTO_PRESET else None
    found = TrainingStatus(
        start_time=start,
        completion_time=end,
        gpu_seconds=runs.status.gpu_seconds if runs else _gpu_seconds(view, train, trained),
        preset=preset,
        warnings=_warnings(view, log, kept),
        device=log.device or kept.device,
        failure=failure(job, log, last.failure, generating=False),
        **restarts_in_log(log, kept),
    )
    if job.state is JobState.SUCCESS:
        metrics = view.models.metrics if view.models.good and view.models.good.model == job.ref.id else None
        if metrics:
            return found.model_copy(update=_finished(metrics, found))
    if runs:
        known = {"progress_percent": runs.status.progress_percent, "perplexity": Perplexity(best=runs.perplexity)}
        return found.model_copy(update=known | {"eta": _eta(None if job.state.final else runs.status.eta_seconds)})
    if job.state is JobState.SUCCESS:
        return found
    if view.logs.training and not log.progress.epochs and end and end == last.completion_time:
        return last.model_copy(update={"failure": found.failure})  # the log is gone
    return found.model_copy(update=_from_log(log.progress, running=not job.state.final))


def perplexity(view: ModelView, training: TrainingStatus, script: WrittenScript | None) -> str | None:
    """Return the figure of the training in progress, else of the model whose script the status shows."""
    if view.train and view.train.running:
        return training.perplexity.best if training.perplexity else None
    metrics = script.metrics if script else view.models.metrics
    return _figure(metrics.best) if metrics else None


def generation_status(view: ModelView, previous: GenerationStatus) -> GenerationStatus:
    job = view.generate.newest if view.generate else None
    failed = failure(job, view.logs.generation, previous.failure, generating=True) if job else None
    return GenerationStatus(failure=failed)


def _warnings(view: ModelView, log: LogDigest, kept: TrainingStatus) -> list[str] | None:
    """Return the warnings; those of a job whose log is gone are in the previous status."""
    if kept.warnings and not log.lines:
        return kept.warnings
    return list(dict.fromkeys((*warnings_of_model(view), *warnings_of(view)))) or None


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _finished(metrics: ModelMetrics, known: TrainingStatus) -> dict[str, object]:
    epochs = len(metrics.epochs)
    return {
        **_progress(epochs, epochs, 100, metrics.words_per_second, best=metrics.best, **dict(metrics.perplexity)),
        **({"device": metrics.device} if metrics.device else {}),
        **({"preset": metrics.chosen_preset} if metrics.chosen_preset else {}),
        **restarts_in_metrics(metrics, known),
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


def lineage(model: ScriptModel, view: ModelView, chosen: Chosen) -> Lineage:
    """Return the commits that the script was made from; before the first script, those of the newest model."""
    newest, script = view.scripts.newest, chosen.script
    source = script.model if script else view.models.good
    if source is None:
        return Lineage()
    output, metrics = view.refs.generate.output, script.metrics if script else view.models.metrics
    return Lineage(
        corpus=f"{source.corpus_repo}@{source.corpus}" if source.corpus_repo else None,
        model=f"{source.repo}@{source.model}{source.folder and ':' + source.folder}",
        script=f"{output}@{script.commit}" if script else None,
        base=_base_commit(model, view, source) if source.base else metrics.base or None if metrics else None,
        held_back=f"{output}@{newest.commit}" if newest and chosen.held_back else None,
    )


def _base_commit(model: ScriptModel, view: ModelView, source: ModelCommits) -> str:
    """Return the commit that the base model is a copy of; its repo is known while the spec names it."""
    commit, previous = copied_commit(source.base), model.previous.lineage.base or ""
    if previous.endswith(commit):
        return previous
    return f"{view.base.repo}@{commit}" if view.base.repo and is_copy_of(source.base, view.base.origin) else commit


def pipeline_statuses(view: ModelView) -> list[PipelineStatus]:
    return [
        PipelineStatus(
            name=seen.info.ref.name,
            version=seen.info.version,
            state=seen.info.state.name,
            reason=cut(seen.info.reason, _MAX_REASON) or None,
        )
        for seen in view.pipelines
    ]


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
