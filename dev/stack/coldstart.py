"""Start a control plane from nothing many times, up to the first accepted ScriptModel, while the machine is busy.

    python3 -m dev.stack.coldstart [--starts 10] [--limit 3600]

Each start has a new folder, and programs that are read from the disk again where the page cache may be dropped. The
first round keeps every core busy; the second has one core and adds no work. The exit status is 1 if a start failed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.demo.failure import cause
from dev.paths import ROOT
from dev.processes import Program, raise_on_signals
from dev.programs.binaries import PROGRAMS, find_or_build
from dev.programs.gobuild import BuildError
from dev.stack import ControlPlane

RUNS = ROOT / "build" / "cold-start"
DEFINITION, SAMPLE = ROOT / "manifests/crd.yaml", ROOT / "manifests/samples/shakespeare.yaml"
_DROP = Path("/proc/sys/vm/drop_caches")
_SPIN = """import os, sys, time
parent, deadline = int(sys.argv[1]), float(sys.argv[2])
while os.getppid() == parent and time.monotonic() < deadline:
    sum(range(10**5))
"""
"""Keeps a core busy until a time, or until the process that started it is gone."""


@dataclass
class Round:
    """Cold starts on some cores, and how they ended."""

    name: str
    cores: frozenset[int]
    busy: bool
    seconds: list[float]
    failed: int = 0

    def __str__(self) -> str:
        """Return the counts in one line."""
        times = f", {min(self.seconds):.0f} to {max(self.seconds):.0f} s each" if self.seconds else ""
        return f"{self.name}: {len(self.seconds)} of {len(self.seconds) + self.failed} accepted{times}"


def cold_start(folder: Path) -> None:
    """Start a control plane in a new folder and apply a ScriptModel to it; any error is the start's."""
    with ControlPlane(folder) as control_plane:
        apply = ("apply", "--request-timeout=60s")
        control_plane.kubectl(*apply, f"--filename={DEFINITION}")
        control_plane.wait_for_definitions()
        control_plane.kubectl(*apply, f"--filename={SAMPLE}")


def measure(one: Round, starts: int, deadline: float, folder: Path, start: Callable[[Path], None] = cold_start) -> None:
    """Make the starts of a round; what is left to do at the deadline is left out."""
    for number in range(1, starts + 1):
        if time.monotonic() > deadline:
            print(f"{one.name}: the limit of time is reached; {starts - number + 1} starts are left out", flush=True)
            return
        dropped = drop_page_cache()
        state = folder / f"{one.name}-{number}".replace(" ", "-")
        with _cores(one.cores), _busy(one.cores if one.busy else frozenset(), deadline, folder):
            started = time.monotonic()
            try:
                start(state)
            except Exception as error:  # any cause counts as a failed start, and is printed
                one.failed += 1
                print(f"{one.name}: {number} of {starts} FAILED: {cause(error)}; its logs are in {state}", flush=True)
                continue
            one.seconds.append(time.monotonic() - started)
        shutil.rmtree(state, ignore_errors=True)
        print(f"{one.name}: {number} of {starts} accepted after {one.seconds[-1]:.0f} s ({dropped})", flush=True)


def drop_page_cache() -> str:
    """Make the kernel forget the files that it has read, as far as that is permitted; return how far that is."""
    os.sync()
    try:
        _DROP.write_text("1")
    except OSError:
        for program in PROGRAMS:
            with (find_or_build() / program).open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return "the programs' pages dropped"
    return "page cache dropped"


@contextmanager
def _cores(cores: frozenset[int]) -> Iterator[None]:
    """Run on these cores, with all that is started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _busy(cores: frozenset[int], deadline: float, folder: Path) -> Iterator[None]:
    """Keep each of these cores busy; the work ends with this block, with this process, and at the deadline."""
    spin = [sys.executable, "-c", _SPIN, str(os.getpid()), str(deadline)]
    work = [Program(f"work on core {core}", spin, folder / "work.log") for core in sorted(cores)]
    try:
        for core, program in zip(sorted(cores), work, strict=True):
            program.start()
            os.sched_setaffinity(program.pid, {core})
        yield
    finally:
        for program in work:
            program.kill()


def run(starts: int, limit: float) -> int:
    """Make both rounds and print their counts; 0 if every start of both was accepted."""
    deadline = time.monotonic() + limit
    folder = RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True)
    print(f"control plane: {find_or_build()}", flush=True)
    cores = frozenset(os.sched_getaffinity(0))
    rounds = [
        Round(f"{len(cores)} busy cores", cores, busy=True, seconds=[]),
        Round("one core", frozenset([min(cores)]), busy=False, seconds=[]),
    ]
    for one in rounds:
        measure(one, starts, deadline, folder)
    print("\n".join(f"cold-start: {one}" for one in rounds), flush=True)
    return 0 if all(len(one.seconds) == starts for one in rounds) else 1


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


def main() -> int:
    """Run the starts."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.stack.coldstart", description=__doc__)
    parser.add_argument("--starts", type=_positive, default=10, help="starts in each round (default: %(default)s)")
    parser.add_argument("--limit", type=_positive, default=3600, help="seconds for all (default: %(default)s)")
    args = parser.parse_args()
    raise_on_signals()
    try:
        return run(args.starts, args.limit)
    except KeyboardInterrupt:
        print("\ncold-start: interrupted; what it started has been ended", file=sys.stderr)
        return 130
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        print(f"cold-start: {cause(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
