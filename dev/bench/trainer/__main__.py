"""Compares training steps of the trainer with those of PyTorch's word_language_model.

Each figure and its reference are measured interleaved, in one run: on a busy machine only the ratios are valid.

    python -m dev.bench.trainer [--presets small medium] [--threads 1]
    python -m dev.bench.trainer record input.txt FOLDER    # repeats the figure of docs/results/characters.md
"""

from __future__ import annotations

import argparse
import os
import sys

from scriptmodel_trainer.model.hardware import device, faster_precision, load_tensorflow

_WINDOWS = {"small": 16, "medium": 2}
"""How many steps of a preset are timed at once, so that short interruptions do not matter; one for others."""


def main() -> None:
    """Print the figures of each preset."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--presets", nargs="+", default=["small", "medium", "large"], help="whose steps are timed")
    parser.add_argument("--rounds", type=int, default=5, help="the fastest of so many counts [default: 5]")
    parser.add_argument(
        "--threads",
        type=int,
        default=cores,
        help="number of threads [default: all cores]; with one its CPU time counts, which is valid on a busy machine",
    )
    options = parser.parse_args()
    print(f"TensorFlow {load_tensorflow(0)}; {device().name}: {cores} cores, {faster_precision()} is faster")
    from dev.bench.trainer.steps import bench_steps, pytorch, use_threads  # noqa: PLC0415  # imports TensorFlow

    use_threads(options.threads)
    with pytorch(options.threads) as process:
        for name in options.presets:
            bench_steps(name, options.rounds, _WINDOWS.get(name, 1), options.threads, process)


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        from dev.bench.trainer import record

        sys.exit(record.main(sys.argv[2:]))
    main()
