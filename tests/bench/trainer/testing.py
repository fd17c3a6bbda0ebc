"""Times the test score after training, in rows side by side, beside that of reading one token after the other."""

from __future__ import annotations

import numpy as np

from scriptmodel_trainer.evaluation import negative_log_likelihoods
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.presets import preset_named
from scriptmodel_trainer.training import scoring
from tests.bench.trainer.timing import seconds_of, timed
from tests.bench.trainer.writing import random_weights

_TOKENS = 20_000
_WORDS = 10_000


def bench_testing(rounds: int) -> None:
    """Print figures for `small` and `medium`."""
    for name in ("small", "medium"):
        _bench_testing(rounds, name)


def _bench_testing(rounds: int, name: str) -> None:
    """Print tokens/s of both ways, and how far their means differ; the graph is built anew each time."""
    preset = preset_named(name)
    weights = random_weights(_WORDS, preset.hidden_units)
    stream = np.random.default_rng(1).integers(0, _WORDS, _TOKENS).astype(np.int32)
    means = [0.0, 0.0]

    def in_rows() -> None:
        means[0] = float(scoring.scored(preset, weights, stream, 0).losses().mean())

    def one_by_one() -> None:
        means[1] = float(negative_log_likelihoods(Network(weights), stream, 0).mean())

    ours, before = seconds_of(rounds, timed(in_rows), timed(one_by_one))
    print(
        f"test score of {name}: {_TOKENS / ours:,.0f} tokens/s, {before / ours:.1f} times one token after the other "
        f"({_TOKENS / before:,.0f}); means differ by {abs(means[0] / means[1] - 1):.1e}"
    )
