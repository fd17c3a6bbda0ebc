"""The main job on one machine: plays in, a new script out, through a ScriptModel.

`make demo` runs it. Only the standard library is used, because it makes the environments itself.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path

from dev.demo.ending import ending
from dev.demo.failure import reported
from dev.demo.stages import NAME, RECORD, SAMPLE, Demo
from dev.paths import ROOT
from dev.processes import end, is_alive, raise_on_signals

RUNS = ROOT / "build" / "demo"


def run(keep: bool, plays: int = 38, runs: Path = RUNS) -> None:
    """Run all stages; SystemExit(1) at the first that fails. What was started ends with it, unless `keep`."""
    started = time.monotonic()
    folder = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    with ExitStack() as stack:
        demo = Demo(folder, stack, plays)
        stages = demo.stages(keep)
        for number, stage in enumerate(stages, 1):
            with reported(number, len(stages), stage, folder):
                folder.mkdir(parents=True, exist_ok=True)
                stage.action()
        print(f"demo: done in {time.monotonic() - started:.0f} s", flush=True)
        print(ending(NAME, SAMPLE, demo.report.relative_to(ROOT), demo.left if keep else None), flush=True)


def stop() -> None:
    """End everything that earlier runs with `--keep` left running."""
    for record in RUNS.glob(f"*/{RECORD}"):
        for program in json.loads(record.read_text()):
            if is_alive(program):
                print(f"demo: ending {program['name']} (pid {program['pid']})", flush=True)
                end(program)
        record.unlink()


def bypass_proxies(env: MutableMapping[str, str]) -> None:
    """Exempt loopback from the proxies that the environment names."""
    names = ("no_proxy", "NO_PROXY")
    given = [env[name] for name in names if env.get(name)]
    if "*" not in given:  # it exempts every host, but only alone
        env.update(dict.fromkeys(names, ",".join([*given, "127.0.0.1,localhost"])))


def main() -> int:
    """Run or stop the demo."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running and say how to continue")
    parser.add_argument("--stop", action="store_true", help="end what earlier runs with --keep left running")
    parser.add_argument("--quick", action="store_true", help="train on 4 of the 38 plays, within a minute or two")
    args = parser.parse_args()
    raise_on_signals()
    try:
        bypass_proxies(os.environ)
        stop() if args.stop else run(args.keep, 4 if args.quick else 38)
    except KeyboardInterrupt:
        print("\ndemo: interrupted; what it started has been ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
