"""Digests the lines of a job's log into the progress of its training. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from scriptmodel_operator.api.status import DeviceStatus, ResumedAt, TrainingStatus
from scriptmodel_operator.api.untrusted import device_status, number, parse_event, readable, short_text, whole
from scriptmodel_operator.engine.values import LogLine

TAIL_LINES = 12
_LONGEST_LINE = 400
_LONGEST_MESSAGE = 1000
_LONGEST_SAMPLE = 200
_LONGEST_WORD = 40
_MOST_WARNINGS = 8
NO_GPU = "no-gpu"
"""Code of the warning that TensorFlow sees no GPU although one was requested."""
_AWAY, _BACK = "bucket-away", "bucket-back"
"""Code of the warning that the bucket of a job does not answer, and of the one that ends it."""
_MOST_RUNS = 2560  # another image may name any number of them
_MOST_FIELDS = 32
_SIGNALLED = (130, 143)
"""Exit codes of a trainer that SIGINT or SIGTERM stopped."""
_OF_THE_JOB = ("device", "warning", "error")
"""Events of one of many runs that are kept for the whole job, too."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the newest attempt at a training is."""

    preset: str = ""
    epoch: int = 0
    epochs: int = 0
    fraction: float = 0.0
    running_perplexity: float | None = None
    train_perplexity: float | None = None
    valid_perplexity: float | None = None
    best_perplexity: float | None = None
    sample: str = ""
    """A line of script that the model wrote after the newest epoch."""
    words_per_second: float | None = None
    eta_seconds: float | None = None

    @property
    def share(self) -> float:
        """Part of the whole training that is done, from 0 to 1."""
        done = (self.epoch - 1 + self.fraction) / self.epochs if self.epochs and self.epoch else 0.0
        return max(0.0, min(1.0, done))

    @property
    def percent(self) -> int | None:
        """Progress of the whole training; None before the first progress event."""
        return int(100 * self.share) if self.epochs and self.epoch else None


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of why a job fails."""

    error: str = ""
    """The message of the trainer's `error` event, with its hint."""
    stopped: bool = False
    """Whether `error` is a signal that stopped the trainer, as when its pod is lost."""
    tail: tuple[str, ...] = ()
    """Last lines that are not events, for a failure that has no `error` event."""
    verdict: str = ""
    """How the process ended, as the worker reports it."""
    worker_error: str = ""
    """Why the worker repeats the whole job, in its words; kept over the attempts that follow."""


@dataclass(frozen=True, slots=True)
class LogDigest:
    lines: int = 0
    first: tuple[str, datetime | None] | None = None
    """Text and time of its first line: those of another pod's log differ."""
    progress: Progress = Progress()
    failure: Failure = Failure()
    warnings: tuple[tuple[str, str], ...] = ()
    device: DeviceStatus | None = None
    resumed: TrainingStatus | None = None
    """The newest restart, in the fields of the status."""
    runs: Mapping[str, LogDigest] = field(default_factory=dict)
    """The digest of each of many runs, by its folder in the repo of trials."""
    ended: Mapping[str, Any] | None = None
    """The event at the end of a run; an image may have put anything into it."""

    @property
    def messages(self) -> tuple[str, ...]:
        """The warnings."""
        return tuple(message for _code, message in self.warnings)

    def at(self, **progress: Any) -> LogDigest:
        """Return the digest with some figures of the progress changed."""
        return replace(self, progress=replace(self.progress, **progress))

    def failing(self, **failure: Any) -> LogDigest:
        return replace(self, failure=replace(self.failure, **failure))


def read_line(digest: LogDigest, line: LogLine) -> LogDigest:
    """Return the digest after one more line. Lines that are not events form the tail; unknown events are skipped."""
    counted = replace(digest, lines=digest.lines + 1, first=digest.first or (line.text[:_LONGEST_LINE], line.time))
    text = line.text
    if line.verdict:
        return counted.failing(verdict=readable(text)[:_LONGEST_LINE])
    if line.worker_error:
        return counted.failing(worker_error=short_text(text, _LONGEST_LINE))
    event = parse_event(text)
    if event is None:
        shown = readable(text)[:_LONGEST_LINE]
        tail = counted.failure.tail
        if not shown.strip() or tail[-1:] == (shown,):  # each attempt of a job repeats it
            return counted
        return counted.failing(tail=(*tail, shown)[-TAIL_LINES:])
    name, run = str(event.get("event")), short_text(event.get("trial"), _LONGEST_WORD)
    reader = _READERS.get(name)
    if name == "start" and run:  # ends the error that stopped the worker
        counted = counted.failing(error="", stopped=False)
    if reader and run and (run in counted.runs or len(counted.runs) < _MOST_RUNS):
        counted = replace(counted, runs={**counted.runs, run: reader(counted.runs.get(run, LogDigest()), event)})
    return reader(counted, event) if reader and (not run or name in _OF_THE_JOB) else counted


def _start(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    """Start a new attempt, which drops the progress and the error of the one before unless it resumes that one."""
    resumes = bool(event.get("resumed_from"))
    progress = Progress(
        preset=short_text(event.get("preset"), _LONGEST_WORD),
        epochs=whole(event.get("epochs")) or 0,
        best_perplexity=digest.progress.best_perplexity if resumes else None,
    )
    return replace(
        digest,
        progress=progress,
        failure=Failure(worker_error=digest.failure.worker_error),
        resumed=digest.resumed if resumes else None,
        runs={},
        ended=None,
    )


def _resumed(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    """Return the progress of the checkpoint that the training continues from."""
    epoch, restarts = whole(event.get("epoch")), whole(event.get("restarts"))
    if not epoch or not restarts:
        return digest
    share = min(1.0, max(0.0, number(event.get("share")) or 0.0))
    resumed = TrainingStatus(restarts=restarts, resumed_at=ResumedAt(epoch=epoch, share=f"{share:.2f}"))
    return replace(digest, resumed=resumed).at(epoch=epoch, fraction=share)


def _progress(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    return digest.at(
        epoch=whole(event.get("epoch")) or digest.progress.epoch,
        epochs=whole(event.get("epochs")) or digest.progress.epochs,
        fraction=number(event.get("fraction")) or 0.0,
        running_perplexity=number(event.get("perplexity")),
        words_per_second=number(event.get("words_per_second")),
        eta_seconds=number(event.get("eta_seconds")),
    )


def _epoch(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    valid, known = number(event.get("valid_perplexity")), digest.progress
    return digest.at(
        epoch=whole(event.get("epoch")) or known.epoch,
        fraction=1.0,
        train_perplexity=number(event.get("train_perplexity")),
        running_perplexity=None,
        valid_perplexity=valid,
        best_perplexity=min((each for each in (known.best_perplexity, valid) if each is not None), default=None),
        sample=short_text(event.get("sample"), _LONGEST_SAMPLE),
    )


def _warning(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    code, message = short_text(event.get("code"), _LONGEST_WORD), short_text(event.get("message"), _LONGEST_MESSAGE)
    others = tuple(each for each in digest.warnings if each[0] != (_AWAY if code == _BACK else code))
    if code == _BACK:
        return replace(digest, warnings=others)
    return replace(digest, warnings=(*others, (code, message))[-_MOST_WARNINGS:]) if message else digest


def _device(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    """Keep the device; a GPU drops the warning of an earlier attempt that none was found."""
    kind, precision = (short_text(event.get(key), _LONGEST_WORD) for key in ("device", "precision"))
    name = short_text(event.get("name"), _LONGEST_SAMPLE)
    device = device_status(kind, name, event.get("memory_bytes"), precision)
    warnings = tuple(each for each in digest.warnings if each[0] != NO_GPU or device.kind != "gpu")
    return replace(digest, device=device, warnings=warnings)


def _error(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    message, hint = (short_text(event.get(key), _LONGEST_MESSAGE) for key in ("message", "hint"))
    message = message or "the trainer gave no message"
    stopped = event.get("code") in _SIGNALLED  # its hint is for a person with a terminal
    return digest.failing(error=f"{message} ({hint})" if hint and not stopped else message, stopped=stopped)


def _trial(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    cut = {key: value[: 2 * _LONGEST_MESSAGE] if isinstance(value, str) else value for key, value in event.items()}
    plain = ((key, value) for key, value in cut.items() if isinstance(value, str | int | float))
    return replace(digest, ended=dict(islice(plain, _MOST_FIELDS)))


_READERS = {
    "start": _start,
    "resumed": _resumed,
    "progress": _progress,
    "epoch": _epoch,
    "warning": _warning,
    "device": _device,
    "error": _error,
    "trial": _trial,
}
