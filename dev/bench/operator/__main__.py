"""Compares the operator with a plain loop that makes the same two writes for a new object, and nothing else.

    python -m dev.bench.operator [--objects 1000] [--changes 100]

Each program gets its own control plane with the same objects, created before it starts, and an empty bucket. An object
is handled when its status belongs to its newest spec; for the operator, also both steps must be reported. The programs
share the cores with API server, etcd, the S3 server and the benchmark, so only ratios within one run are valid.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from dev.bench.operator.run import CONTENDERS, measure


async def main() -> None:
    """Print a table of the figures."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench.operator", description=__doc__.partition("\n")[0])
    parser.add_argument("--objects", type=int, default=1000, help="how many there are [default: 1000]")
    parser.add_argument("--changes", type=int, default=100, help="how many specs are changed in turn [default: 100]")
    given = parser.parse_args()
    found = []
    for contender in CONTENDERS:
        print(f"# {contender.name}: {given.objects} objects", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-operator-") as folder:
            found.append(await measure(contender, given.objects, min(given.changes, given.objects), Path(folder)))
    print(f"| {given.objects} objects | {' | '.join(each.name for each in CONTENDERS)} | ratio |\n|---|---|---|---|")
    for title in found[0]:
        ours, loop = (each[title] for each in found)
        print(f"| {title} | {ours:.4g} | {loop:.4g} | {f'{ours / loop:.2f}' if loop else '-'} |")


if __name__ == "__main__":
    asyncio.run(main())
