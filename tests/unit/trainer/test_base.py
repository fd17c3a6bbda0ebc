"""A training that starts from a finished model: sizes, vocabulary, lineage, and bases that cannot be used."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from forged import arrays_file, without_reference
from model_files import described
from running import prepared, train
from samples import play, read_stream

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model, save_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.generation.writer import Script, Writer
from scriptmodel_trainer.judging.reference import Reference, reference_of, stored_reference
from scriptmodel_trainer.judging.runs import SIZES
from scriptmodel_trainer.training.fine_tuning import weights_after

pytestmark = pytest.mark.slow

NEW = "\n\n**ZORA**  \nThe zeppelin waits for the zoologist.  \n" * 12


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of the model, and a new play with new words."""
    folder = tmp_path_factory.mktemp("grown")
    (folder / "train.md").write_text(play(220), "utf-8")
    (folder / "new.train.md").write_text(play(30, seed=2) + NEW, "utf-8")
    return folder


@pytest.fixture(scope="module")
def warm(grown: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """A model that started from another."""
    out = tmp_path_factory.mktemp("warm") / "model"
    assert train(grown, out, "--from", str(model)) == 0
    found = load_model(out)
    assert found.origin.base is not None
    assert f">base</th><td>{found.origin.base.digest}</td>" in (out / "report.html").read_text("utf-8")
    return found


def test_sizes_and_settings_are_the_base_s_and_epochs_a_quarter(warm: TrainedModel, model: Path) -> None:
    base = load_model(model).origin.preset
    assert (base.epochs, warm.origin.preset.epochs) == (4, 1)
    assert warm.origin.preset_name == "demo"
    assert (warm.origin.preset.hidden_units, warm.origin.preset.input_units) == (24, 16)


def test_the_vocabulary_is_the_base_s_and_then_the_new_words(warm: TrainedModel, model: Path) -> None:
    base = load_model(model).vocabulary
    assert warm.vocabulary.words[: len(base)] == base.words
    assert {"ZORA", "zeppelin", "zoologist"} <= set(warm.vocabulary.words[len(base) :])
    speakers = {warm.vocabulary.words[number] for number in warm.vocabulary.speakers}
    assert {"ZORA", "ANNA", "OLD_BEN"} <= speakers


def test_lineage_is_in_model_and_metrics(warm: TrainedModel, model: Path) -> None:
    base = load_model(model)
    lineage = warm.origin.base
    assert lineage is not None
    assert lineage == warm.metrics.base
    assert (lineage.fingerprint, lineage.corpus) == (base.metrics.fingerprint, base.origin.corpus.digest)
    assert lineage.vocabulary == len(base.vocabulary)
    assert lineage.vocabulary + lineage.new_words == len(warm.vocabulary)
    assert described(model)["base"] is None


def test_new_words_start_as_the_mean_of_the_pieces_that_spelled_them(model: Path) -> None:
    trained = load_model(model)
    known = len(trained.vocabulary)
    preset = dataclasses.replace(trained.origin.preset, softmax_cutoff=known + 1)
    base = dataclasses.replace(trained, origin=dataclasses.replace(trained.origin, preset=preset))
    larger = dataclasses.replace(base.vocabulary, words=(*base.vocabulary.words, "zeppelin", "zoologist"))
    weights, pieces = weights_after(base, larger), base.vocabulary.encode(["zeppelin"])
    assert {name: np.shape(array) for name, array in weights.items()} == preset.shapes(known + 2)
    assert weights["embedding"][known] == pytest.approx(base.weights["embedding"][pieces].mean(axis=0))
    assert weights["output/bias"][known] == base.weights["output/bias"][pieces].min()
    assert np.array_equal(weights["embedding"][:known], base.weights["embedding"])
    assert len(base.weights["output/bias"]) == known  # the base itself is unchanged


def test_a_model_can_start_from_its_own_last_state_in_place(grown: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    shutil.copytree(model, out)
    for _ in range(2):
        assert train(grown, out, "--from", str(out)) == 0
    again = load_model(out)
    assert again.origin.preset.epochs == 1  # not a quarter of a quarter
    assert again.metrics.base is not None
    assert again.metrics.base.new_words == 0


def test_the_base_is_part_of_the_fingerprint(grown: Path, model: Path, warm: TrainedModel, tmp_path: Path) -> None:
    base, other = load_model(model, judged=True), tmp_path / "other"
    other.mkdir()
    weights = {name: -array for name, array in base.weights.items()}
    save_model(other, dataclasses.replace(base, weights=weights), "the same but for its weights")
    command = ["train", "--data", grown, "--out", tmp_path / "a", "--seed", "3", "--from"]
    assert prepared([*command, model]).fingerprint == warm.metrics.fingerprint
    assert prepared([*command, other]).fingerprint != warm.metrics.fingerprint


def refused(capsys: pytest.CaptureFixture[str], corpus: Path, out: Path, *more: str) -> str:
    assert train(corpus, out, *more) == 2
    (event,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert not out.exists()
    message: str = event["message"]
    return message


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--preset", "small"], "preset small has layers=2"),
        (["--set", "hidden_units=48"], "preset demo has hidden_units=48"),
        (["--set", "embedding_units=24"], "preset demo has embedding_units=24"),
        (["--set", "cache_window=9"], "preset demo has cache_window=9"),
    ],
)
def test_sizes_that_are_not_the_base_s_are_an_error_that_names_both(
    words: list[str], reason: str, corpus: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, corpus, tmp_path / "out", "--from", str(model), *words)
    assert message.startswith(reason.replace("layers=2", "hidden_units=200"))
    assert f"but the base {model} (preset demo) has " in message


def test_a_base_that_is_missing_foreign_or_damaged_is_an_error(
    corpus: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "saved_model.pb").write_bytes(b"x")
    shutil.copytree(model, tmp_path / "damaged")
    cut = arrays_file(tmp_path / "damaged", "weights")
    cut.write_bytes(cut.read_bytes()[:-9])
    for name, reason in (
        ("missing", "no such model directory"),
        ("foreign", "holds no model"),
        ("damaged", f"is damaged: {cut.name} is not the file that model.json describes"),
    ):
        assert reason in refused(capsys, corpus, tmp_path / "out", "--from", str(tmp_path / name))


def judged(folder: Path) -> Reference:
    found = stored_reference(load_model(folder, judged=True))
    assert found is not None
    return found


def training_text(corpus: Path) -> list[str]:
    corpus_stream = read_stream(corpus)
    return [corpus_stream.lexicon[number] for number in corpus_stream.splits["train"].tolist()]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The corpus of a base model, and a model of another corpus that started from it over one in between."""
    folder = tmp_path_factory.mktemp("chain")
    sizes = ["--preset", "demo", "--epochs", "1", "--set", "hidden_units=16", "batch_size=32", "steps=5"]
    for number, name in enumerate(("first", "second", "third")):
        (folder / name).mkdir()
        (folder / name / "play.md").write_text(play(150, seed=10 + number), "utf-8")
        start = ["--from", str(folder / f"model-{number - 1}")] if number else []
        assert train(folder / name, folder / f"model-{number}", *sizes, *start) == 0
    return folder / "first", folder / "model-2"


def test_text_copied_from_the_corpus_of_any_base_is_a_copy(chain: tuple[Path, Path]) -> None:
    first, last = chain
    copied = training_text(first)[:600]
    assert judged(first.parent / "model-0").figures(copied).copied_sentences == 1.0
    assert judged(last).figures(copied).copied_sentences == 1.0
    assert judged(last).verdict(copied).form == "a copy"


def test_words_pairs_and_the_figures_of_held_out_text_are_those_of_the_corpus_alone(chain: tuple[Path, Path]) -> None:
    _, last = chain
    with_base, without = judged(last), reference_of(read_stream(last.parent / "third"))
    assert without is not None
    assert with_base.held_out == without.held_out
    for size in SIZES:
        assert with_base.known[size].hashes.tolist() == without.known[size].hashes.tolist()
    assert set(without.sentences.runs.hashes) < set(with_base.sentences.runs.hashes)


def test_the_judge_command_knows_the_base_s_corpus_of_a_model(
    chain: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, last = chain
    monkeypatch.setattr(Writer, "write", lambda *_: Script(training_text(first)[:600]))
    capsys.readouterr()
    assert main(["judge", str(last), "--data", str(last.parent / "third"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["form"] == "a copy"


def test_a_base_that_does_not_record_its_training_text_is_reported(
    tmp_path: Path, model: Path, chain: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    base = without_reference(model, tmp_path / "base")
    capsys.readouterr()
    assert train(chain[0], tmp_path / "model", "--from", str(base), "--epochs", "1") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (warning,) = [event for event in events if event["event"] == "warning"]
    assert warning["code"] == "base-text-unknown"
    assert "has no sentences" in warning["message"]
    judged(tmp_path / "model")
