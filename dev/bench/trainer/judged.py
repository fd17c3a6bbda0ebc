"""Judges what one training writes after some of its epochs: more training must never score lower.

    python -m dev.bench.trainer.judged PLAYS --out DIR [--epochs 1 2 3 5 8] [--scripts 8] [--set KEY=VALUE ...]

Trains the preset `demo` once and keeps the weights of each epoch in DIR, then prints a table: form and
sense of scripts by epoch, and the rank correlation of epochs and scores.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.cli import main as trainer
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.judging.verdict import Verdict
from scriptmodel_trainer.runs import fit
from scriptmodel_trainer.storage.arrays import Floats

_SMALL = ("hidden_units=96", "embedding_units=64", "vocabulary_size=2500", "word_dropout=0.1")
_WORDS = 400


def main() -> None:
    """Train, write and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer.judged",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="PLAYS")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 2, 3, 5, 8])
    parser.add_argument("--scripts", type=int, default=8, metavar="N")
    parser.add_argument("--set", nargs="+", default=_SMALL, metavar="KEY=VALUE")
    options = parser.parse_args()
    last = str(max(options.epochs))
    kept: list[dict[str, Floats]] = []
    fit.sample_line = lambda *_: _keep(kept)  # type: ignore[assignment]  # it is given the weights of each epoch
    command = ["train", "--data", options.data, "--out", options.out, "--preset", "demo", "--epochs", last]
    if trainer([*map(str, command), "--set", *options.set]):
        raise SystemExit("the training failed")
    model = load_model(options.out, judged=True)
    print(f"| score | {' | '.join(f'epoch {each}' for each in options.epochs)} | rank correlation |")
    verdicts = [_verdict(model, kept[epoch - 1], options.scripts) for epoch in options.epochs]
    for name in ("form", "sense"):
        scores = [getattr(each, f"{name}_score") for each in verdicts]
        print(f"| {name} | {' | '.join(f'{score:.2f}' for score in scores)} | {_rank_correlation(scores):.2f} |")


def _keep(kept: list[dict[str, Floats]]) -> Callable[[Mapping[str, Floats]], str]:
    def keep(weights: Mapping[str, Floats]) -> str:
        kept.append({name: np.array(array) for name, array in weights.items()})
        return ""

    return keep


def _verdict(model: TrainedModel, weights: dict[str, Floats], count: int) -> Verdict:
    """Return the verdict on `count` scripts by a model with other weights."""
    other = dataclasses.replace(model, weights=weights)
    writer = other.writer()
    scripts = writer.write_together(_WORDS, Sampling(), [(1, number) for number in range(count)], Opening())
    verdict = other.verdict(*(script.tokens for script in scripts))
    assert verdict is not None, "the corpus is too small to hold text out"
    return verdict


def _rank_correlation(scores: list[float]) -> float:
    """Return Spearman's rank correlation of scores and their order; equal scores share a rank."""
    found = np.array(scores)
    ranks = [(found < each).sum() + ((found == each).sum() - 1) / 2 for each in found]
    return float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])


if __name__ == "__main__":
    main()
