"""Compares halving with random search at full length: the winner of each, and the epochs and the time that it took.

    python -m dev.bench.search plays/ --out /var/tmp/search [--workers 2]

The trials are those that a ScriptModel would have; the runs are processes of the trainer, as many at a time as there
are workers. What is finished is kept in --out, so a measurement that was interrupted continues.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from dev.paths import TRAINER_ENV
from scriptmodel_operator.search.declared import Search
from scriptmodel_operator.search.trials import RunInput, RunResult, plan

PARAMETERS: list[dict[str, Any]] = [
    {"name": "dropout", "uniform": {"min": "0", "max": "0.6"}},
    {"name": "learningRate", "logUniform": {"min": "0.002", "max": "0.05"}},
    {"name": "hiddenUnits", "categorical": {"values": ["32", "48", "64"]}},
]
SETTINGS = ["--preset", "demo", "--set", "epochs=8", "vocabulary_size=2000", "embedding_units=32"]
Algorithm = Literal["random", "halving"]
ALGORITHMS: tuple[Algorithm, ...] = ("random", "halving")
OF = "bench"


class Bench:
    """One search, in a folder of its own."""

    def __init__(self, search: Search, corpus: Path, folder: Path) -> None:
        self._search, self._corpus, self._folder = search, corpus, folder

    def run(self, workers: int) -> Mapping[str, RunResult]:
        """Train until the search is finished; returns what each run came to."""
        results: dict[str, RunResult] = {}
        with ThreadPoolExecutor(workers) as pool:
            while not (now := plan(self._search, 0, results, OF)).finished:
                due = now.todo(results)
                found = pool.map(self._train, due, [now.runs[name] for name in due])
                results |= zip(due, found, strict=True)
                print(
                    f"  {self._search.algorithm}: round {now.round} of {now.rounds} is done, {len(due)} runs",
                    flush=True,
                )
        print(f"  the best is trial {now.winner}: {results[now.winner].given.parameters}")
        return results

    def _train(self, name: str, run: RunInput) -> RunResult:
        given = self._folder / "trials" / name / name
        out = self._folder / "runs" / name
        done = given / f"round-{run.share.replace('/', '-')}.json"
        if not done.exists():
            given.mkdir(parents=True, exist_ok=True)
            (given / "trial.json").write_bytes(run.text())
            if run.of and (out / "checkpoint.safetensors").exists():  # else it was interrupted after this
                shutil.copyfile(out / "checkpoint.safetensors", given / "checkpoint.safetensors")
            shutil.rmtree(out, ignore_errors=True)
            words = ["trial", "--trial", given.parent, "--data", self._corpus, "--out", out.parent, "--log", "json"]
            threads = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
            with (given / "log").open("a") as log:
                command = [TRAINER_ENV / "bin/scriptmodel-trainer", *words, *SETTINGS]
                subprocess.run(command, check=True, stdout=log, stderr=log, env=os.environ | threads)
            shutil.copyfile(out / "trial.json", done)
        record = json.loads(done.read_text("utf-8"))
        names = ("state", "reason", "message", "epochs", "epochs_total", "value", "perplexity", "seconds")
        return RunResult(given=run, **{name: record[name] for name in names})


def main() -> None:
    """Print the figures of both algorithms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder of plays")
    parser.add_argument("--out", type=Path, required=True, help="keep the runs in this folder")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=ALGORITHMS)
    parser.add_argument("--trials", type=int, default=16, metavar="N", help="number of trials [default: 16]")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time [default: 1]")
    args = parser.parse_args()
    figures = {}
    for algorithm in args.algorithms:
        search = Search.model_validate({"parameters": PARAMETERS, "algorithm": algorithm, "numTrials": args.trials})
        started = time.monotonic()
        results = Bench(search, args.corpus, args.out / algorithm).run(args.workers)
        best = min(each.perplexity for each in results.values() if each.state == "complete" and each.perplexity)
        epochs = sum(each.epochs or 0 for each in results.values())
        figures[algorithm] = (
            f"perplexity {best:.2f}, {epochs} epochs, {time.monotonic() - started:.0f} s in this attempt"
        )
    for algorithm, figure in figures.items():
        print(f"{algorithm:>8}: {figure} with {args.workers} worker(s)")


if __name__ == "__main__":
    main()
