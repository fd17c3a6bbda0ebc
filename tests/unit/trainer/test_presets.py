"""Presets: the published ones exactly, and how settings change them."""

from dataclasses import replace

import pytest

from dev.bench.trainer.record import TRAINING
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.model.presets import KEYS, PRESETS, preset_named, require_key, with_overrides
from scriptmodel_trainer.training.optimizers import learning_rate
from scriptmodel_trainer.training.options import options_from


def test_tuned_is_no_larger_than_the_published_small_one() -> None:
    assert PRESETS["tuned"].parameter_count(10_000) <= PRESETS["small"].parameter_count(10_000)


FIELDS = ("layers", "hidden_units", "steps", "epochs", "full_rate_epochs", "dropout", "initial_range", "clip_norm")


@pytest.mark.parametrize(
    ("name", "published", "decay", "count"),
    [
        ("small", (2, 200, 20, 13, 4, 0.0, 0.1, 5), 0.5, 4_651_600),
        ("medium", (2, 650, 35, 39, 6, 0.5, 0.05, 5), 0.8, 19_775_200),
        ("large", (2, 1500, 35, 55, 14, 0.65, 0.04, 10), 1 / 1.15, 66_022_000),
    ],
)
def test_published_presets(name: str, published: tuple[float, ...], decay: float, count: int) -> None:
    preset = PRESETS[name]
    assert tuple(getattr(preset, field) for field in FIELDS) == pytest.approx(published)
    assert preset.learning_rate_decay == pytest.approx(decay)
    assert (preset.input_units, preset.batch_size) == (preset.hidden_units, 20)
    assert (preset.learning_rate, preset.optimizer, preset.tied_embeddings) == (1.0, "sgd", False)
    assert preset.parameter_count(10_000) == count


def test_published_schedule_halves_after_the_full_rate_epochs() -> None:
    rates = [learning_rate(PRESETS["small"], epoch, 0.0) for epoch in range(1, 8)]
    assert rates == [1, 1, 1, 1, 0.5, 0.25, 0.125]


def test_one_cycle_rises_to_the_full_rate_and_falls_to_nearly_nothing() -> None:
    preset = PRESETS["demo"]
    rates = [learning_rate(preset, 1, step / 100) for step in range(101)]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(preset.learning_rate)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < preset.learning_rate / 100


def test_warm_up_is_the_share_of_one_cycle_in_which_the_rate_rises() -> None:
    preset = with_overrides(PRESETS["demo"], {"warm_up": "0.05"})
    rates = [learning_rate(preset, 1, step / 100) for step in range(101)]
    assert rates.index(max(rates)) == 5
    none = with_overrides(preset, {"warm_up": "0"})
    assert learning_rate(none, 1, 0.0) == none.learning_rate


def test_settings_replace_fields_of_their_kind() -> None:
    settings = {"hidden_units": "64", "dropout": "0.25", "trigrams": "true", "optimizer": "adam"}
    changed = with_overrides(PRESETS["small"], settings)
    assert (changed.hidden_units, changed.dropout, changed.trigrams) == (64, 0.25, True)
    assert changed.optimizer == "adam"
    assert changed.steps == PRESETS["small"].steps


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("hidden_units", "2.5", "whole number"),
        ("hidden_units", "0", "between 1 and"),
        ("dropout", "nan", "between 0 and"),
        ("dropout", "high", "not a number"),
        ("trigrams", "maybe", "true or false"),
        ("optimizer", "magic", "sgd, adam"),
    ],
)
def test_an_invalid_setting_is_refused_with_a_valid_one(key: str, value: str, part: str) -> None:
    with pytest.raises(BadInputError) as caught:
        with_overrides(PRESETS["small"], {key: value})
    assert part in caught.value.line()


def test_an_unknown_setting_is_answered_with_all_that_exist_and_the_nearest() -> None:
    with pytest.raises(BadInputError) as caught:
        require_key("hiddenUnits")
    assert all(key in caught.value.hint for key in KEYS)
    assert "did you mean 'hidden_units'? " in caught.value.hint


def test_a_field_that_only_presets_set_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "KEYS", KEYS)
    assert len(KEYS) == 9
    with pytest.raises(BadInputError) as caught:
        require_key("warm_up")
    assert (
        caught.value.line()
        == "warm_up is fixed by the preset and cannot be set; leave it out, or choose another --preset"
    )


def test_a_mistyped_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInputError, match="smal") as caught:
        preset_named("smal")
    assert "'small'" in caught.value.hint


def test_a_record_is_trained_with_the_settings_of_its_figure() -> None:
    words = ["train", "--data", "corpus", "--out", "model", *TRAINING.split()]
    settings = {"vocabulary_size": 30_000, "softmax_cutoff": 2000, "letter_ngrams": 6000, "trigrams": True}
    expected = replace(PRESETS["tuned"], **settings, subword_discount=1.5)
    assert options_from(parser().parse_args(words), {}).preset == expected
