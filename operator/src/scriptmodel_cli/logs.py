"""The log of a job for people: the trainer's events in words, followed until the job ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from scriptmodel_cli.output import note
from scriptmodel_cli.screen import duration
from scriptmodel_cli.session import pause
from scriptmodel_cli.text import one_line
from scriptmodel_operator.pachyderm.errors import NotFoundError, PachydermError, UnavailableError
from scriptmodel_operator.pachyderm.gateway import Gateway, LogStream
from scriptmodel_operator.pachyderm.values import JobInfo, JobRef, JobState, LogLine, PipelineRef

_STREAM_SECONDS = 3600.0
_LAST_WORDS_SECONDS = 2.0
_JOBS = 50
_WIDEST_SAMPLE = 120
LOG_PATH = "/train.log.jsonl"
_MAX_KEPT_BYTES = 16 << 20


def told_job(gateway: Gateway, pipeline: PipelineRef) -> JobInfo | None:
    """The job that status tells of: the running one, else the newest whose commit nobody has deleted."""
    jobs = gateway.list_pipeline_jobs(pipeline, _JOBS)
    running = next((job for job in jobs if not job.state.final and not job.state.waiting), None)
    return running or next(_there(gateway, jobs), None)


def newest_jobs(gateway: Gateway, pipeline: PipelineRef, count: int) -> list[JobInfo]:
    """At most `count` whose commits nobody has deleted, newest first."""
    return list(islice(_there(gateway, gateway.list_pipeline_jobs(pipeline, _JOBS)), count))


def _there(gateway: Gateway, jobs: Iterable[JobInfo]) -> Iterator[JobInfo]:
    return (job for job in jobs if _is_there(gateway, job))


def _is_there(gateway: Gateway, job: JobInfo) -> bool:
    try:
        gateway.inspect_commit(job.ref.pipeline.output, job.ref.id)
    except NotFoundError:
        return False
    return True


def lines_of(gateway: Gateway, job: JobRef, *, follow: bool, raw: bool) -> Iterator[str]:
    """What the job printed; with `follow` until it ends. Raises PachydermError where there is no log to be read."""
    lines = _followed(gateway, job) if follow else gateway.read_log(job, follow=False, seconds=_STREAM_SECONDS)
    for line in lines:
        if said := _raw(line) if raw else _in_words(line):
            yield said


def kept_lines(gateway: Gateway, job: JobInfo, *, raw: bool) -> Iterator[str] | None:
    """The log that the trainer kept beside its model, which outlasts the pods; None where there is none."""
    if job.state is not JobState.SUCCESS:
        return None
    try:
        kept = gateway.read_file(job.ref.pipeline.output, job.ref.id, LOG_PATH, _MAX_KEPT_BYTES)
    except NotFoundError:
        return None
    lines = kept.decode(errors="replace").splitlines()
    return iter(lines if raw else map(in_words, lines))


def _raw(line: LogLine) -> str:
    return "" if line.verdict else line.text


def _in_words(line: LogLine) -> str:
    return f"the process ended with `{line.text}`" if line.verdict else in_words(line.text)


def _followed(gateway: Gateway, job: JobRef) -> Iterator[LogLine]:
    """A stream that is cut is opened again, starts from the first line, and is skipped up to where it was cut.

    Pachyderm itself never ends a stream that follows, and refuses one while the job has no worker.
    """
    told = 0
    while True:
        ended = _has_ended_at_last(gateway, job)
        try:
            stream = gateway.read_log(job, follow=not ended, seconds=_STREAM_SECONDS)
            if not ended:
                threading.Thread(target=_cancel_at_end, args=(gateway, job, stream), daemon=True).start()
            for number, line in enumerate(stream, start=1):
                if number > told:
                    told = number
                    yield line
        except UnavailableError:
            pass
        except PachydermError:
            if ended and not told:
                raise
        if ended:
            return
        pause()


def _cancel_at_end(gateway: Gateway, job: JobRef, stream: LogStream) -> None:
    try:
        while not _has_ended(gateway, job):
            pause()
        time.sleep(_LAST_WORDS_SECONDS)
    except PachydermError:
        pass  # whoever reads the stream hears of it too
    stream.cancel()


def _has_ended_at_last(gateway: Gateway, job: JobRef) -> bool:
    """Asked until Pachyderm answers, with a note where it does not at once."""
    noted = False
    while True:
        try:
            return _has_ended(gateway, job)
        except UnavailableError as error:
            if not noted:
                note(f"{error}; asking again")
        noted = True
        pause()


def _has_ended(gateway: Gateway, job: JobRef) -> bool:
    found = next((each for each in gateway.list_pipeline_jobs(job.pipeline, _JOBS) if each.ref == job), None)
    return found is None or found.state.final


def in_words(text: str) -> str:
    """A line as it is; an event of the trainer as a sentence."""
    event = _event(text)
    if event is None:
        return text
    tell = _TELLERS.get(str(event["event"]))
    try:
        return tell(event) if tell else text
    except (KeyError, TypeError, ValueError):
        return text


def _event(text: str) -> dict[str, Any] | None:
    try:
        event = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _start(event: dict[str, Any]) -> str:
    words = sum(event["tokens"].values()) if isinstance(event.get("tokens"), dict) else event["tokens"]
    resumed = f", going on after epoch {event['resumed_from']}" if event.get("resumed_from") else ""
    return (
        f"preset {event['preset']}: {event['parameters']:,} parameters, {words:,} words, "
        f"{event['vocabulary']:,} known, {event['epochs']} epochs{resumed}"
    )


def _progress(event: dict[str, Any]) -> str:
    return (
        f"epoch {event['epoch']}/{event['epochs']} {100 * event['fraction']:3.0f}%  "
        f"perplexity {event['perplexity']:.1f}  {event['words_per_second']:,.0f} words/s  "
        f"{duration(event['eta_seconds'])} to go"
    )


def _epoch(event: dict[str, Any]) -> str:
    train, valid = event["train_perplexity"], event["valid_perplexity"]
    best = ", the best so far" if event.get("best") else ""
    sample = f"\n    {one_line(event['sample'], _WIDEST_SAMPLE)}" if event.get("sample") else ""
    return f"epoch {event['epoch']} done: train {train:.1f}, valid {valid:.1f}{best}{sample}"


def _done(event: dict[str, Any]) -> str:
    return f"done in {duration(event['seconds'])}: perplexity {event['perplexity']:.1f} on the test split"


def _error(event: dict[str, Any]) -> str:
    hint = f" ({event['hint']})" if event.get("hint") else ""
    return f"failed: {event['message']}{hint}"


_TELLERS = {"start": _start, "progress": _progress, "epoch": _epoch, "done": _done, "error": _error}
