"""The preset `auto`: chosen by tokens and minutes from a table, and recorded."""

import dataclasses
import json
from pathlib import Path

import pytest
from running import run_trainer
from samples import play, read_stream

from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_corpus
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model.presets import PRESETS
from scriptmodel_trainer.storage.records import FILES, SCENES, Choice
from scriptmodel_trainer.training.auto import choose, minutes_from, preset_of

pytestmark = pytest.mark.slow

TINY = ["--set", "hidden_units=8", "embedding_units=8", "layers=1", "epochs=1", "batch_size=16", "steps=5"]
TINY += ["cache_window=50"]

PLAYS = {
    "cache_window": 500,
    "letter_ngrams": 6000,
    "softmax_cutoff": 2000,
    "subword_discount": 1.0,
    "trigrams": True,
    "vocabulary_size": 30_000,
}


@pytest.mark.parametrize(
    ("tokens", "minutes", "preset", "settings"),
    [
        (1_063_000, None, "tuned", PLAYS),
        (1_063_000, 32, "tuned", PLAYS),
        (1_063_000, 31, "tuned", PLAYS | {"epochs": 8}),
        (1_063_000, 22, "tuned", PLAYS | {"epochs": 8}),
        (1_063_000, 21, "tuned", PLAYS | {"epochs": 8, "layers": 1}),
        (1_063_000, 15, "tuned", PLAYS | {"epochs": 8, "layers": 1}),
        (1_063_000, 14, "demo", PLAYS),
        (194_000, 1000, "tuned", PLAYS),
        (200_000, 6, "tuned", PLAYS),
        (194_000, 2.7, "demo", PLAYS),
        (0, None, "tuned", PLAYS),
        (10**9, 0.01, "demo", PLAYS),
    ],
)
def test_the_table_decides_by_tokens_and_minutes(
    tokens: int, minutes: float | None, preset: str, settings: dict[str, float]
) -> None:
    assert choose(tokens, minutes) == Choice(preset, tokens, minutes, settings)
    assert preset_of(choose(tokens, minutes)) == dataclasses.replace(PRESETS[preset], document_starts=True, **settings)


def test_more_minutes_never_choose_a_shorter_training() -> None:
    length = {"demo": 0, "tuned": 2}
    for tokens in (1, 100_000, 250_000, 1_000_000, 10_000_000):
        chosen = [choose(tokens, minutes) for minutes in range(1, 1000)]
        lengths = [
            (min(length[each.preset], each.settings.get("layers", 2)), each.settings.get("epochs", 13))
            for each in chosen
        ]
        assert lengths == sorted(lengths)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "soon", "1e9"])
def test_minutes_that_are_no_time_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="not a number above 0 and at most 1,000,000"):
        minutes_from(text, "auto")


def test_minutes_are_of_auto_alone_which_is_the_default() -> None:
    assert minutes_from("30", None) == 30
    with pytest.raises(BadInputError, match="needs --preset auto"):
        minutes_from("30", "tuned")


def test_the_choice_is_noted_recorded_and_the_same_training_as_the_named_preset(corpus: Path, tmp_path: Path) -> None:
    train = ["train", "--data", corpus, "--out", tmp_path / "model", *TINY]
    done = run_trainer([*train, "--minutes", "5"])
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    tokens = metrics["auto"]["tokens"]  # before some words are spelled
    assert 0.9 * metrics["tokens"]["train"] < tokens < metrics["tokens"]["train"]
    choice = {"preset": "tuned", "tokens": tokens, "minutes": 5.0, "settings": PLAYS}
    assert metrics["auto"] == choice
    settings = " ".join(f"{name}={json.dumps(value)}" for name, value in PLAYS.items())
    assert f"auto: tuned with {settings}, for {tokens:,} words and marks to train on and 5 minutes" in done.stderr
    described = json.loads((tmp_path / "model" / "model.json").read_text())
    assert described["preset"] == "tuned"
    assert described["parameters"]["document_starts"]
    assert described["parameters"]["letter_ngrams"] == PLAYS["letter_ngrams"]
    assert described["parameters"]["cache_window"] == 50, "settings of one's own come first"
    named = ["document_starts=true", *settings.split()[1:]]  # without the cache: TINY has one
    again = run_trainer([*train, *named, "--preset", "tuned"])
    assert "is already trained with these settings" in again.stderr


@pytest.mark.parametrize(
    ("files", "named", "split"), [(20, 0, FILES), (19, 0, SCENES), (12, 9, SCENES), (1, 0, SCENES)]
)
def test_whole_plays_stay_together_where_there_are_enough(files: int, named: int, split: str, tmp_path: Path) -> None:
    for number in range(files):
        (tmp_path / f"{number}.md").write_text(play(4, number), "utf-8")
    for number in range(named):
        (tmp_path / f"{number}.{('train', 'valid')[number % 2]}.txt").write_text(play(4, number), "utf-8")
    (tmp_path / "empty.md").write_text("")
    corpus = read_corpus(find_sources([tmp_path], lambda _: None), None, lambda _: None, None)
    assert corpus.split == split
    sizes = {name: len(ids) for name, ids in corpus.splits.items()}
    requested = read_stream(tmp_path, split)
    assert sizes == {name: len(ids) for name, ids in requested.splits.items()}


def test_the_split_of_auto_is_used_by_the_judge_and_by_trainings_from_the_model(tmp_path: Path) -> None:
    plays, model, warm = tmp_path / "plays", tmp_path / "model", tmp_path / "warm"
    plays.mkdir()
    for number in range(20):
        (plays / f"{number:02}.md").write_text(play(15, number), "utf-8")
    train = ["train", "--data", plays, *TINY]
    assert run_trainer([*train, "--out", model, "--preset", "auto"]).returncode == 0
    (plays / "19.md").unlink()  # too few now
    done = run_trainer([*train, "--out", warm, "--preset", "auto", "--minutes", "5", "--from", model])
    assert done.returncode == 0
    assert "--minutes 5 has no effect: auto keeps the settings of the model of --from" in done.stderr
    for folder in (model, warm):
        described = json.loads((folder / "model.json").read_text())
        assert described["corpus"]["split"] == FILES
        assert described["parameters"]["document_starts"]
    judged = [
        run_trainer(["judge", model, "--data", plays, "--samples", "1", "--words", "40", "--json", *more]).stdout
        for more in ([], ["--split", "files"], ["--split", "scenes"])
    ]
    assert judged[0] == judged[1] != judged[2]
