"""Watches the process that trains a run of a search, and records how it ended where it cannot do so itself."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from scriptmodel_trainer.artifacts.model_directory import LOG, SLOTS
from scriptmodel_trainer.artifacts.trials import TRIAL, Reason, TrialRecord, TrialSpec, read, write_records
from scriptmodel_trainer.errors import BadInputError, ExitCode, StoppedError
from scriptmodel_trainer.training.stopping import StopSignals

_POLL_SECONDS = 0.1
_MOST_KEPT = 1 << 29  # bytes below the limit at which a run is ended, or a twentieth of the limit
OUT_OF_MEMORY = "out of memory: use a smaller network, vocabulary_size or batch_size, or request more memory"
CGROUP = Path("/sys/fs/cgroup")
"""The control group of the container that this process runs in."""


def _nearly_full(group: Path) -> bool:
    """Return whether a group uses so much that the kernel will soon kill it; files that it can drop are free."""
    most, used = _numbers(group, "max").get("", sys.maxsize), _numbers(group, "current").get("", 0)
    found = _numbers(group, "stat")
    files = found.get("active_file", 0) + found.get("inactive_file", 0)
    return used - files > most - min(most // 20, _MOST_KEPT)


def _kills(group: Path) -> int:
    """Return how many processes of a group were killed for want of memory."""
    return _numbers(group, "events").get("oom_kill", 0)


def _numbers(group: Path, name: str) -> dict[str, int]:
    """Return the numbers in a file of lines `NAME NUMBER`, by name: a lone number has none, and `max` is left out."""
    with suppress(OSError, ValueError):
        lines = (line.rpartition(" ") for line in (group / f"memory.{name}").read_text("ascii").splitlines())
        return {name: int(number) for name, _, number in lines}
    return {}


def watch(command: Sequence[str], folder: Path, spec: TrialSpec, signals: StopSignals, group: Path = CGROUP) -> int:
    """Run the process that trains a run into a folder until it ends, and record there how it did if it was killed.

    Returns 0 if there is a record, else the exit code of a process that reported the reason itself. A signal is passed
    on, so that the process saves its state, and raises StoppedError if it dies of that.
    """
    (folder / TRIAL).unlink(missing_ok=True)
    kills = _kills(group)
    signals.deferred = True  # it is the process that ends at a safe point
    # In a group of its own a Ctrl-C reaches it once: from here.
    process = subprocess.Popen(command, process_group=0)
    full = stopping = False
    try:
        while process.poll() is None:
            if signals.requested and not stopping:
                process.send_signal(signal.SIGTERM)
                stopping = True
            if _nearly_full(group):
                full = True
                process.kill()
            time.sleep(_POLL_SECONDS)
    finally:
        process.kill()  # after a second signal; nothing happens to one that has ended
    code = process.returncode
    signals.deferred = False
    if signals.requested is not None:
        if code < 0:
            raise StoppedError(signals.requested, "stopped before anything was saved", "repeat the command")
        return signals.requested
    if not full and 0 <= code != 1:
        return code
    record = TrialRecord(**msgspec.structs.asdict(spec), state="failed")
    with suppress(BadInputError):  # what the process had reached
        record = read(folder, TrialRecord)
    reason, message = _death(code, full or _kills(group) > kills)
    write_records(folder / TRIAL, msgspec.structs.replace(record, state="failed", reason=reason, message=message))
    for name in (LOG, *SLOTS):
        (folder / name).unlink(missing_ok=True)
    return ExitCode.DONE


def _death(code: int, full: bool) -> tuple[Reason, str]:
    """Return the reason and the message of a process that died."""
    if full:
        return "out-of-memory", OUT_OF_MEMORY
    if code >= 0:
        return "error", f"the training ended with exit code {code}: its log has the reason"
    hint = ", as the kernel does to a process without memory" if code == -signal.SIGKILL else ""
    return "killed", f"killed by {signal.Signals(-code).name}{hint}"
