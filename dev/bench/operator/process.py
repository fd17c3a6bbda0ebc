"""Reads the resource usage of a process from /proc."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET_SHARE, _QUIET_SECONDS = 0.10, 3.0
"""A process that used less than this share of a core for so long has done what there was to do."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since its start, MiB resident now and at most."""

    cpu: float
    rss: float
    peak: float


def usage(pid: int) -> Usage:
    """Return the usage of a running process."""
    _, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    found = rest.split()
    status = Path(f"/proc/{pid}/status").read_text()
    rss, peak = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Usage((int(found[11]) + int(found[12])) / _TICKS, rss, peak)


async def until_quiet(pid: int, seconds: float) -> float:
    """Return the seconds until the process was idle, `seconds` if it was not."""
    began = busy = time.monotonic()
    before = usage(pid).cpu
    while time.monotonic() - began < seconds:
        await asyncio.sleep(0.5)
        now, cpu = time.monotonic(), usage(pid).cpu
        if cpu - before > _QUIET_SHARE * 0.5:
            busy = now
        before = cpu
        if now - busy > _QUIET_SECONDS:
            return busy - began
    return seconds
