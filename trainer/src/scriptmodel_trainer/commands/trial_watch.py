"""Watches the process that trains a run of a search, and records how it ended where it cannot do so itself."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scriptmodel_trainer.errors import ExitCode, StoppedError
from scriptmodel_trainer.stopping import StopSignals
from scriptmodel_trainer.trials import TRIAL, TrialRecord, TrialSpec, read_record, write_record

_POLL_SECONDS = 0.1
_MOST_KEPT = 1 << 29  # bytes below the limit at which a run is ended, or a twentieth of the limit
_UNLIMITED = 1 << 60  # cgroup v1 has a number near 2^63 for no limit
OUT_OF_MEMORY = "out of memory: use a smaller network, vocabulary_size or batch_size, or request more memory"


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The memory limit of a control group, its files, and what the names of statistics begin with."""

    limit: int
    used: Path
    statistics: Path
    events: Path
    prefix: str

    def nearly_reached(self) -> bool:
        """Return whether the group uses so much that the kernel will soon kill it; files that it can drop are free."""
        used = _number(self.used) or 0
        files = sum(_field(self.statistics, f"{self.prefix}{kind}_file") for kind in ("active", "inactive"))
        return used - files > self.limit - min(self.limit // 20, _MOST_KEPT)

    def kills(self) -> int:
        """Return how many processes of the group were killed for want of memory."""
        return _field(self.events, "oom_kill")


def memory_limits(root: Path = Path("/sys/fs/cgroup")) -> list[MemoryLimit]:
    """Return the limit of the container that this process runs in, in cgroups of version 2 or 1; none without one."""
    v2 = (root / "memory.current", root / "memory.stat", root / "memory.events", "")
    old = root / "memory"
    v1 = (old / "memory.usage_in_bytes", old / "memory.stat", old / "memory.oom_control", "total_")
    limits = (_number(root / "memory.max"), v2), (_number(old / "memory.limit_in_bytes"), v1)
    return [MemoryLimit(limit, *files) for limit, files in limits if limit is not None and limit < _UNLIMITED]


def _number(path: Path) -> int | None:
    """Return the number in a file; None without one (`max`)."""
    with suppress(OSError, ValueError):
        return int(path.read_text("ascii"))
    return None


def _field(path: Path, name: str) -> int:
    """Return a number of a file of lines `name number`; 0 without it."""
    with suppress(OSError, ValueError):
        words = (line.split() for line in path.read_text("ascii").splitlines())
        return next((int(value) for key, value in words if key == name), 0)
    return 0


def watch(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    spec: TrialSpec,
    signals: StopSignals,
    limits: Sequence[MemoryLimit],
) -> int:
    """Run the process that trains a run into a folder until it ends, and record there how it did if it was killed.

    Returns 0 if there is a record, else the exit code of a process that reported the reason itself. A signal is passed
    on, so that the process saves its state, and raises StoppedError if it dies of that.
    """
    (folder / TRIAL).unlink(missing_ok=True)
    record, kills = TrialRecord.of_spec(spec), [limit.kills() for limit in limits]
    signals.deferred = True  # it is the process that ends at a safe point
    # In a group of its own a Ctrl-C reaches it once: from here.
    process = subprocess.Popen(command, env=environment, process_group=0)
    full = stopping = False
    try:
        while process.poll() is None:
            if signals.requested and not stopping:
                process.send_signal(signal.SIGTERM)
                stopping = True
            if any(limit.nearly_reached() for limit in limits):
                full = True
                process.kill()
            time.sleep(_POLL_SECONDS)
    finally:
        if process.poll() is None:  # a second signal
            process.kill()
    code = process.returncode
    signals.deferred = False
    if signals.requested is not None:
        if code < 0:
            raise StoppedError(signals.requested, "stopped before anything was saved", "repeat the command")
        return signals.requested
    if not full and 0 <= code != 1:
        return code
    _record(folder, record, code, full or [limit.kills() for limit in limits] > kills)
    return ExitCode.DONE


def _record(folder: Path, record: TrialRecord, code: int, full: bool) -> None:
    """Record of a run whose process died what it had reached, and why it did not get further."""
    with suppress(ValueError):
        record = read_record(folder)
    if full:
        reason, message = "out-of-memory", OUT_OF_MEMORY
    elif code == -signal.SIGKILL:
        reason, message = "killed", "killed by SIGKILL, as the kernel does to a process without memory"
    elif code < 0:
        reason, message = "killed", f"killed by {signal.Signals(-code).name}"
    else:
        reason, message = "error", f"the training ended with exit code {code}: its log has the reason"
    finished = round(time.time(), 3)
    record = msgspec.structs.replace(record, state="failed", reason=reason, message=message, finished=finished)
    write_record(folder, record)
