"""Reads and follows the log of a job, with the trainer's events in words, and the perplexity of a training by epoch."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from scriptmodel_cli.output import note
from scriptmodel_cli.session import POLL_SECONDS, parsed, pause
from scriptmodel_cli.text import Object
from scriptmodel_cli.web.training import Curve, Epoch, curve_of, epoch_of
from scriptmodel_operator.api.untrusted import parse_event
from scriptmodel_operator.desired.command_lines import METRICS_PATH
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, UnavailableError
from scriptmodel_operator.engine.gateway import Gateway, LogStream
from scriptmodel_operator.engine.values import (
    JobInfo,
    JobRef,
    JobState,
    LogLine,
    PipelineRef,
    RepoRef,
    commit_of,
    folder_of,
    running_job,
)

_STREAM_SECONDS = 3600.0
_LAST_WORDS_SECONDS = 2.0
_JOBS = 50
LOG_PATH = "/train.log.jsonl"
_MAX_KEPT_BYTES = 16 << 20
_READ_SECONDS = 5.0
_MAX_BYTES = 8 << 20
_LINES = 300


def reported_job(gateway: Gateway, pipeline: PipelineRef) -> JobInfo | None:
    """Return the job that status reports: the running one, else the newest whose commit still exists."""
    jobs = gateway.list_pipeline_jobs(pipeline, _JOBS)
    return running_job(jobs) or next(_with_commits(gateway, jobs), None)


def _with_commits(gateway: Gateway, jobs: Iterable[JobInfo]) -> Iterator[JobInfo]:
    for job in jobs:
        with suppress(NotFoundError):
            gateway.inspect_commit(job.ref.pipeline.output, job.ref.id)
            yield job


def lines_of(
    gateway: Gateway, job: JobInfo, model: str = "", *, follow: bool = False, seconds: float = _STREAM_SECONDS
) -> Iterator[LogLine]:
    """Yield the log of a job: of a training that succeeded the one that is stored with its model, else of its worker.

    `model` is status.lineage.model, with the folder of the best run of a search. With `follow` it ends with the job.
    Raises EngineError if there is no log.
    """
    if job.state is JobState.SUCCESS:
        with suppress(NotFoundError):  # of another image, or of a script
            path = _folder(job, model) + LOG_PATH
            kept = gateway.read_file(job.ref.pipeline.output, job.ref.id, path, _MAX_KEPT_BYTES)
            return map(LogLine, kept.decode(errors="replace").splitlines())
    return _followed(gateway, job.ref) if follow else iter(gateway.read_log(job.ref, follow=False, seconds=seconds))


def _folder(job: JobInfo, model: str) -> str:
    """Return the folder of the model that a job made, if it is the one of status.lineage.model."""
    return folder_of(model) if commit_of(model) == (job.ref.pipeline.output, job.ref.id) else ""


def in_words(line: LogLine) -> str:
    return f"the process ended with `{line.text}`" if line.verdict else describe_line(line.text)


def _followed(gateway: Gateway, job: JobRef) -> Iterator[LogLine]:
    """Follow a log until the job ends; skip the lines already yielded when a broken stream is reopened.

    Pachyderm never ends a following stream, and refuses one without a worker. Another first line is of a new worker.
    """
    yielded, first, ended = 0, None, False
    while not ended:
        ended = _has_ended_with_retry(gateway, job)
        try:
            for number, line in enumerate(_stream(gateway, job, follow=not ended), start=1):
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
        if not ended:
            pause()


def _stream(gateway: Gateway, job: JobRef, *, follow: bool) -> Iterator[LogLine]:
    """Yield the lines of a log; one that is followed is cancelled once its job has ended."""
    stream, closed = gateway.read_log(job, follow=follow, seconds=_STREAM_SECONDS), threading.Event()
    if follow:
        threading.Thread(target=_cancel_at_end, args=(gateway, job, stream, closed), daemon=True).start()
    try:
        yield from stream
    finally:
        closed.set()


def _cancel_at_end(gateway: Gateway, job: JobRef, stream: LogStream, closed: threading.Event) -> None:
    """Cancel a stream once its job has ended; end where the stream is closed before that."""
    with suppress(EngineError):  # the reader of the stream gets the same error
        while not _has_ended(gateway, job):
            if closed.wait(POLL_SECONDS):
                return
        closed.wait(_LAST_WORDS_SECONDS)
    stream.cancel()


def _has_ended_with_retry(gateway: Gateway, job: JobRef) -> bool:
    """Return whether the job has ended, retrying with a note while the engine is unavailable."""
    for attempt in count():
        try:
            return _has_ended(gateway, job)
        except UnavailableError as error:
            if not attempt:
                note(f"{error}; retrying")
        pause()
    return False


def _has_ended(gateway: Gateway, job: JobRef) -> bool:
    found = next((each for each in gateway.list_pipeline_jobs(job.pipeline, _JOBS) if each.ref == job), None)
    return found is None or found.state.final


def describe_line(line: str) -> str:
    """Return the words of an event of the trainer, with the run of a search; any other line unchanged."""
    event = parse_event(line) or {}
    words = event.get("text")
    if not isinstance(words, str) or not words:
        return line
    return f"Trial {event['trial']}: {words}" if event.get("trial") and event["event"] != "trial" else words


@dataclass(frozen=True)
class Training:
    """A job of train or of generate, which has no curve; none before there is one."""

    job: str = ""
    curve: Curve = field(default_factory=Curve)
    lines: tuple[str, ...] = ()
    """The last lines of its log, events in words."""


def training(gateway: Gateway, found: Object) -> Training:
    """Return the train job that status reports: the running one, else the newest; of many runs that of the best."""
    model = ((found.get("status") or {}).get("lineage") or {}).get("model", "")
    return _read(gateway, reported_job(gateway, references(parsed(found)).train), model)


def generation(gateway: Gateway, found: Object) -> Training:
    return _read(gateway, reported_job(gateway, references(parsed(found)).generate))


def _read(gateway: Gateway, job: JobInfo | None, model: str = "") -> Training:
    if job is None:
        return Training()
    lines: list[str] = []
    with suppress(EngineError):  # no worker yet, or its pods are gone
        for line in lines_of(gateway, job, model, seconds=_READ_SECONDS):
            lines += [line.text] if not line.verdict else []
    done = (
        epochs(gateway, job.ref.pipeline.output, job.ref.id, _folder(job, model))
        if job.state is JobState.SUCCESS
        else ()
    )
    events = (event for line in lines if (event := parse_event(line)))
    curve = curve_of(event for event in events if "trial" not in event)  # many runs are side by side in it
    return Training(job.ref.id, Curve(done) if done else curve, tuple(map(describe_line, lines[-_LINES:])))


def epochs(gateway: Gateway, repo: RepoRef, commit: str, folder: str = "") -> tuple[Epoch, ...]:
    """Return the epochs of a finished model; none if it has no record of them."""
    try:
        found = json.loads(gateway.read_file(repo, commit, folder + METRICS_PATH, _MAX_BYTES))["epochs"]
        return tuple(map(epoch_of, found))
    except (NotFoundError, ValueError, LookupError, TypeError, AttributeError):  # such as that of another image
        return ()
