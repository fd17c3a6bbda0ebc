"""From the lines of a job's log to where its training is. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from scriptmodel_operator.observe.figures import number, whole
from scriptmodel_operator.pachyderm.values import LogLine

TAIL_LINES = 12
_LONGEST_LINE = 400
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TrainerError:
    """The trainer's `error` event."""

    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class LogDigest:
    """What a log has said so far."""

    lines: int = 0
    epoch: int = 0
    epochs: int = 0
    fraction: float = 0.0
    running_perplexity: float | None = None
    train_perplexity: float | None = None
    valid_perplexity: float | None = None
    words_per_second: float | None = None
    eta_seconds: float | None = None
    error: TrainerError | None = None
    tail: tuple[str, ...] = ()
    """Last lines that are not events, for a failure that has no `error` event."""
    verdict: str = ""
    """How the process ended, in the worker's words."""

    @property
    def percent(self) -> int | None:
        """Of the whole training; None before the first event that tells."""
        if not self.epochs or not self.epoch:
            return None
        done = (self.epoch - 1 + self.fraction) / self.epochs
        return max(0, min(100, int(100 * done)))


def read_line(digest: LogDigest, said: LogLine) -> LogDigest:
    """The digest after one more line. Lines that are no events are kept as a tail; unknown events are skipped."""
    counted, text = replace(digest, lines=digest.lines + 1), said.text
    if said.verdict:
        return replace(counted, verdict=readable(text)[:_LONGEST_LINE])
    event = _event(text)
    if event is None:
        line = readable(text)[:_LONGEST_LINE]
        if not line.strip() or counted.tail[-1:] == (line,):  # each attempt of a job says the same
            return counted
        return replace(counted, tail=(*counted.tail, line)[-TAIL_LINES:])
    reader = _READERS.get(str(event.get("event")))
    return reader(counted, event) if reader else counted


def readable(text: str) -> str:
    """As it would stand on a terminal at the end, without what would colour or move something there."""
    shown = _ESCAPES.sub("", text).rstrip("\r\n").rpartition("\r")[2]
    return _CONTROLS.sub("", shown)


def _event(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _start(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    """A new attempt: what an earlier one reached is void, its error too."""
    return LogDigest(lines=digest.lines, epochs=whole(event.get("epochs")) or 0)


def _progress(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    return replace(
        digest,
        epoch=whole(event.get("epoch")) or digest.epoch,
        epochs=whole(event.get("epochs")) or digest.epochs,
        fraction=number(event.get("fraction")) or 0.0,
        running_perplexity=number(event.get("perplexity")),
        words_per_second=number(event.get("words_per_second")),
        eta_seconds=number(event.get("eta_seconds")),
    )


def _epoch(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    return replace(
        digest,
        epoch=whole(event.get("epoch")) or digest.epoch,
        fraction=1.0,
        train_perplexity=number(event.get("train_perplexity")),
        valid_perplexity=number(event.get("valid_perplexity")),
    )


def _error(digest: LogDigest, event: dict[str, Any]) -> LogDigest:
    error = TrainerError(
        code=str(event.get("code", "")),
        message=readable(str(event.get("message", ""))).strip() or "the trainer gave no message",
        hint=readable(str(event.get("hint") or "")).strip(),
    )
    return replace(digest, error=error)


_READERS = {"start": _start, "progress": _progress, "epoch": _epoch, "error": _error}
