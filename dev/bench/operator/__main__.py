"""Compares the operator with a plain aiohttp loop.

    python -m dev.bench.operator [--objects 1000] [--rounds 1] [--start-only] [--apart]

Each measured program gets its own control plane with the same objects, created before it starts, and a stub of pachd.
The loop does as much as the operator: the same two writes and the same four calls for a new object, without checks.
An object is handled when its status belongs to its newest spec; for the operator, also both pipelines must exist and be
reported.

By default a program shares the cores with the API server, etcd, the stub and the benchmark. With `--apart` it has the
last core for itself and they have the others, as if it ran on another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from dev.bench.operator.contenders import LOOP, OURS
from dev.bench.operator.run import Figures, Sizes, measure
from dev.bench.operator.table import render


async def main() -> None:
    given = _arguments()
    *others, last = sorted(os.sched_getaffinity(0))
    if given.apart:
        if not others:
            raise SystemExit("--apart needs a second core")
        os.sched_setaffinity(0, others)  # and of all that is started from here
    sizes = Sizes(given.objects, given.changes, given.idle, given.start_only, last if given.apart else None)
    found: dict[str, list[Figures]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="bench-operator-") as folder:
            for number in range(given.rounds):
                for contender in (OURS, LOOP):
                    root = Path(folder) / f"{contender.name.replace(' ', '-')}-{number}"
                    figures = Figures()
                    found.setdefault(contender.name, []).append(figures)
                    await measure(contender, sizes, root, given.limit, figures, lambda text: print(text, flush=True))
    finally:
        print(render(sizes, found))  # when interrupted, what is known until then


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.bench.operator", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--objects", type=int, default=1000, help="how many there are (1000)")
    add("--changes", type=int, default=100, help="how many specs are changed, one after the other (100)")
    add("--rounds", type=int, default=1, help="how often all take their turn; the table has medians (1)")
    add("--idle", type=float, default=10.0, help="seconds for which nothing happens (10)")
    add("--limit", type=float, default=900.0, help="seconds until a contender is cut off (900)")
    add("--start-only", action="store_true", help="nothing but the first start")
    add("--apart", action="store_true", help="the contender has a core for itself")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
