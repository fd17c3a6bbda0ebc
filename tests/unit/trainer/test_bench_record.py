"""The headline figure is trained with the settings that its page names (dev/bench/trainer/record.py)."""

from dataclasses import replace

from dev.bench.trainer.record import TRAINING
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.model.presets import PRESETS
from scriptmodel_trainer.runs.options import options_from


def test_a_record_is_trained_with_the_settings_of_its_figure() -> None:
    words = ["train", "--data", "corpus", "--out", "model", *TRAINING.split()]
    settings = {"vocabulary_size": 30_000, "softmax_cutoff": 2000, "letter_ngrams": 6000, "trigrams": True}
    expected = replace(PRESETS["tuned"], **settings, subword_discount=1.5)
    assert options_from(parser().parse_args(words), {}).preset == expected
