"""A headline figure holds unless its seeds are significantly worse (dev/bench/trainer/record.py)."""

from dataclasses import replace

import pytest

from dev.bench.trainer.record import RECORDS, verdict
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.model.presets import PRESETS
from scriptmodel_trainer.runs.options import options_from


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


def test_a_record_is_trained_with_the_settings_of_its_figure() -> None:
    words = ["train", "--data", "corpus", "--out", "model", *RECORDS["tiny-shakespeare"].training.split()]
    settings = {"vocabulary_size": 30_000, "softmax_cutoff": 2000, "letter_ngrams": 6000, "trigrams": True}
    expected = replace(PRESETS["tuned"], **settings, subword_discount=1.5)
    assert options_from(parser().parse_args(words), {}).preset == expected
