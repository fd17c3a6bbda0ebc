"""A headline figure holds unless its seeds are significantly worse (dev/bench/trainer/record.py)."""

from dataclasses import replace

import pytest

from dev.bench.trainer.record import RECORDS, verdict
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.model.presets import PRESETS, Preset
from scriptmodel_trainer.runs.options import options_from

_ADAM = replace(
    PRESETS["tuned"],
    optimizer="adam",
    adam_beta2=0.99,
    learning_rate=0.005,
    clip_norm=0.5,
    batch_size=32,
    lstm_initial_range=0.05,
    warm_up=0.06,
    trigrams=True,
)


@pytest.mark.parametrize(
    ("figure", "found", "said"),
    [
        (57.0, [57.1, 56.8, 57.2], "57.03 ± 0.21 (3 seeds), beside 57: it holds"),
        (57.0, [55.0, 55.1, 55.2], "it holds"),
        (57.0, [58.0, 58.1, 58.2], "it does NOT hold"),
        (57.0, [56.0, 58.0, 60.0], "it holds"),  # worse by 1, but not beyond chance
        (57.0, [58.0], "too few or too many seeds for a test"),
    ],
)
def test_a_figure_holds_unless_its_seeds_are_significantly_worse(figure: float, found: list[float], said: str) -> None:
    assert said in verdict(figure, found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("penn-treebank", replace(_ADAM, letter_ngrams=6000)),
        (
            "penn-treebank-long",
            replace(
                _ADAM,
                epochs=40,
                dropout=0.3,
                word_dropout=0.1,
                output_dropout=0.4,
                warm_up=0.02,
                hidden_units=364,
                recurrent_dropout=0.1,
                letter_ngrams=6000,
            ),
        ),
        ("penn-treebank-cache", replace(_ADAM, cache_window=500)),
        (
            "tiny-shakespeare",
            replace(
                PRESETS["tuned"],
                vocabulary_size=30_000,
                softmax_cutoff=2000,
                letter_ngrams=6000,
                subword_discount=1.5,
                trigrams=True,
            ),
        ),
    ],
)
def test_a_record_is_trained_with_the_settings_of_its_figure(name: str, expected: Preset) -> None:
    words = ["train", "--data", "corpus", "--out", "model", *RECORDS[name].training.split()]
    assert options_from(parser().parse_args(words), {}).preset == expected
