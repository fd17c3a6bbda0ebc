"""Reads and follows the log of a job, with the trainer's events in words, and the perplexity of a training by epoch."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_cli.output import note
from scriptmodel_cli.session import POLL_SECONDS, parsed, pause
from scriptmodel_cli.text import Object
from scriptmodel_cli.web.training import Curve, Epoch, curve_of, epoch_of
from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.durations import format_duration
from scriptmodel_operator.api.untrusted import parse_event
from scriptmodel_operator.desired.command_lines import METRICS_PATH
from scriptmodel_operator.desired.references import References, references
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, UnavailableError
from scriptmodel_operator.engine.gateway import Gateway, LogStream
from scriptmodel_operator.engine.values import JobInfo, JobRef, JobState, LogLine, PipelineRef, RepoRef, running_job

_STREAM_SECONDS = 3600.0
_LAST_WORDS_SECONDS = 2.0
_JOBS = 50
_WIDEST_SAMPLE = 120
LOG_PATH = "/train.log.jsonl"
_MAX_KEPT_BYTES = 16 << 20
_READ_SECONDS = 5.0
_MAX_BYTES = 8 << 20
_LINES = 300


def reported_job(gateway: Gateway, pipeline: PipelineRef) -> JobInfo | None:
    """Return the job that status reports: the running one, else the newest whose commit still exists."""
    jobs = gateway.list_pipeline_jobs(pipeline, _JOBS)
    return running_job(jobs) or next(_with_commits(gateway, jobs), None)


def training_job(gateway: Gateway, refs: References) -> JobInfo | None:
    """Return the training job that status reports; of many runs that are over the job that made the best model."""
    job = reported_job(gateway, refs.train)
    if job and job.state.final and refs.selects:
        return reported_job(gateway, refs.maker) or job
    return job


def _with_commits(gateway: Gateway, jobs: Iterable[JobInfo]) -> Iterator[JobInfo]:
    for job in jobs:
        with suppress(NotFoundError):
            gateway.inspect_commit(job.ref.pipeline.output, job.ref.id)
            yield job


def lines_of(
    gateway: Gateway, job: JobInfo, *, follow: bool = False, seconds: float = _STREAM_SECONDS
) -> Iterator[LogLine]:
    """Yield the log of a job: of a training that succeeded the one that is stored with its model, else of its worker.

    With `follow` it ends with the job. Raises EngineError if there is no log.
    """
    if job.state is JobState.SUCCESS:
        with suppress(NotFoundError):  # of another image, or of a script
            kept = gateway.read_file(job.ref.pipeline.output, job.ref.id, LOG_PATH, _MAX_KEPT_BYTES)
            return map(LogLine, kept.decode(errors="replace").splitlines())
    return _followed(gateway, job.ref) if follow else iter(gateway.read_log(job.ref, follow=False, seconds=seconds))


def in_words(line: LogLine) -> str:
    return f"the process ended with `{line.text}`" if line.verdict else describe_line(line.text)


def _followed(gateway: Gateway, job: JobRef) -> Iterator[LogLine]:
    """Follow a log until the job ends; skip the lines already yielded when a broken stream is reopened.

    Pachyderm never ends a following stream, and refuses one without a worker. Another first line is of a new worker.
    """
    yielded, first = 0, None
    while True:
        ended = _has_ended_with_retry(gateway, job)
        try:
            stream = gateway.read_log(job, follow=not ended, seconds=_STREAM_SECONDS)
            with nullcontext() if ended else _cancelled_at_end(gateway, job, stream):
                for number, line in enumerate(stream, start=1):
                    if number == 1:
                        yielded, first = (yielded if line == first else 0), line
                    if number > yielded:
                        yielded = number
                        yield line
        except UnavailableError:
            pass
        except EngineError:
            if ended and not yielded:
                raise
        if ended:
            return
        pause()


@contextmanager
def _cancelled_at_end(gateway: Gateway, job: JobRef, stream: LogStream) -> Iterator[None]:
    closed = threading.Event()
    watcher = threading.Thread(target=_cancel_at_end, args=(gateway, job, stream, closed), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        closed.set()
        watcher.join(POLL_SECONDS)


def _cancel_at_end(gateway: Gateway, job: JobRef, stream: LogStream, closed: threading.Event) -> None:
    """Cancel a stream once its job has ended; end where the stream is closed before that."""
    try:
        while not _has_ended(gateway, job):
            if closed.wait(POLL_SECONDS):
                return
        closed.wait(_LAST_WORDS_SECONDS)
    except EngineError:
        pass  # the reader of the stream gets the same error
    stream.cancel()


def _has_ended_with_retry(gateway: Gateway, job: JobRef) -> bool:
    """Return whether the job has ended, retrying with a note while Pachyderm is unavailable."""
    noted = False
    while True:
        try:
            return _has_ended(gateway, job)
        except UnavailableError as error:
            if not noted:
                note(f"{error}; retrying")
        noted = True
        pause()


def _has_ended(gateway: Gateway, job: JobRef) -> bool:
    found = next((each for each in gateway.list_pipeline_jobs(job.pipeline, _JOBS) if each.ref == job), None)
    return found is None or found.state.final


DESCRIPTIONS = {
    "start": "preset {preset}: {parameters:,} parameters, {words:,} words, vocabulary of {vocabulary:,}, "
    "{epochs} epochs{resumed}",
    "device": "device: {name} ({device}), {precision}",
    "resumed": "resumed in epoch {epoch} at {share:.0%}, restart {restarts} of this training",
    "progress": "epoch {epoch}/{epochs} {fraction:4.0%}  perplexity {perplexity:.1f}  {words_per_second:,.0f} words/s  "
    "{eta} to go",
    "epoch": "epoch {epoch} done: train {train_perplexity:.1f}, valid {valid_perplexity:.1f}{best}{sample}",
    "trigrams": "trigrams get {share:.0%} of the prediction: valid {valid_perplexity:.1f}, {network_perplexity:.1f} "
    "without them",
    "done": "done in {duration}: perplexity {perplexity:.1f} on the test split",
    "trial": "{state} after epoch {epochs}/{epochs_total}{figure}{why}",
    "error": "failed: {message}{hint}",
    "warning": "warning: {message}",
    "written": "wrote {file}{size}",
}
"""The description of each event, whose places are its fields and the phrases of `_phrases`."""


def describe_line(text: str) -> str:
    """Describe an event of the trainer, with the number of its trial; return any other line unchanged."""
    event = parse_event(text) or {}
    try:
        described = DESCRIPTIONS[str(event["event"])].format_map({**event, **dict(_phrases(event))})
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return text
    return f"trial {event['trial']}: {described}" if "trial" in event else described


def _phrases(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield phrases by place: sums, durations, and those that are empty without their field."""
    tokens, words = event.get("tokens"), event.get("words")
    yield "words", sum(tokens.values()) if isinstance(tokens, dict) else tokens
    yield "resumed", f", resumed after epoch {event['resumed_from']}" if event.get("resumed_from") else ""
    for place, key in (("eta", "eta_seconds"), ("duration", "seconds")):
        if key in event:
            yield place, format_duration(event[key])
    yield "best", ", the best so far" if event.get("best") else ""
    yield "sample", f"\n    {one_line(event['sample'], _WIDEST_SAMPLE)}" if event.get("sample") else ""
    yield "figure", f": perplexity {event['perplexity']:.1f}" if event.get("perplexity") else ""
    yield "why", f" ({event['reason']}: {event['message']})" if event.get("reason") else ""
    yield "hint", f" ({event['hint']})" if event.get("hint") else ""
    yield "size", f" ({words:,} words)" if words is not None else ""


@dataclass(frozen=True)
class Training:
    """A job of train or of generate, which has no curve; none before there is one."""

    job: str = ""
    curve: Curve = field(default_factory=Curve)
    lines: tuple[str, ...] = ()
    """The last lines of its log, events in words."""


def training(gateway: Gateway, found: Object) -> Training:
    """Return the train job that status reports: the running one, else the newest; of many runs that of the best."""
    return _read(gateway, training_job(gateway, references(parsed(found))))


def generation(gateway: Gateway, found: Object) -> Training:
    return _read(gateway, reported_job(gateway, references(parsed(found)).generate))


def _read(gateway: Gateway, job: JobInfo | None) -> Training:
    if job is None:
        return Training()
    lines: list[str] = []
    with suppress(EngineError):  # no worker yet, or its pods are gone
        for line in lines_of(gateway, job, seconds=_READ_SECONDS):
            lines += [line.text] if not line.verdict else []
    done = epochs(gateway, job.ref.pipeline.output, job.ref.id) if job.state is JobState.SUCCESS else ()
    events = (event for line in lines if (event := parse_event(line)))
    curve = curve_of(event for event in events if "trial" not in event)  # many runs are side by side in it
    return Training(job.ref.id, Curve(done) if done else curve, tuple(map(describe_line, lines[-_LINES:])))


def epochs(gateway: Gateway, repo: RepoRef, commit: str) -> tuple[Epoch, ...]:
    """Return the epochs of a finished model; none if it has no record of them."""
    try:
        found = json.loads(gateway.read_file(repo, commit, METRICS_PATH, _MAX_BYTES))["epochs"]
        return tuple(map(epoch_of, found))
    except (NotFoundError, ValueError, LookupError, TypeError, AttributeError):  # such as that of another image
        return ()
