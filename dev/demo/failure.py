"""Reports a stage that failed in three lines: what failed and why, the log, what to try."""

import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.processes import StartError
from dev.programs.gobuild import BuildError

_WIDEST = 240
_FULL = "No space left on device"


class StageError(Exception):
    """A stage could not do its work; `log` is where to read on."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Stage:
    """One step of the demo, and what a person can try where it fails."""

    title: str
    action: Callable[[], None]
    remedy: str


@contextmanager
def reported(number: int, of: int, stage: Stage, folder: Path) -> Iterator[None]:
    """Print the stage's heading and its seconds; report any failure in three lines and raise SystemExit(1)."""
    print(f"[{number}/{of}] {stage.title}", flush=True)
    started = time.monotonic()
    try:
        yield
    except Exception as error:  # any failure becomes three lines; the traceback goes to the log
        why = cause(error)
        remedy = "free some disk space (`df -h .`), then run `make demo` again" if _FULL in why else stage.remedy
        lines = [
            f"stage {number} of {of} failed ({stage.title}): {why}",
            f"log: {_log(error, folder)}",
            f"try: {remedy}",
        ]
        print("".join(f"demo: {line}\n" for line in lines), end="", file=sys.stderr, flush=True)
        raise SystemExit(1) from error
    print(f"    ({time.monotonic() - started:.0f} s)", flush=True)


def cause(error: Exception) -> str:
    """Return the cause in one line."""
    match error:
        case StartError(log=Path() as log):
            last = last_words(log)
            text = f"{error.what}: {last}" if last else error.what
        case subprocess.CalledProcessError():
            words = error.cmd if isinstance(error.cmd, str) else " ".join(map(str, error.cmd))
            text = (error.stderr or "").strip() or f"`{words}` ended with status {error.returncode}"
        case StageError() | StartError() | BuildError() | OSError():
            text = str(error)
        case _:  # a bug of ours: its name is half of what it says
            text = f"{type(error).__name__}: {error}"
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return first if len(first) <= _WIDEST else f"{first[: _WIDEST - 3]}..."


def last_words(log: Path) -> str:
    """Return the last line of a log that speaks of an error, else the last line; empty without either."""
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|caused by|fatal", line, re.IGNORECASE)]
    return next(reversed(errors or lines), "")


def _log(error: Exception, folder: Path) -> Path:
    """Return the log that the error names, else one with the traceback, written now."""
    named = getattr(error, "log", None)
    if isinstance(named, Path):
        return named
    log = folder / "failure.log"
    try:
        log.write_text("".join(traceback.format_exception(error)))
    except OSError:
        return folder
    return log
