"""Bases: how they are stored, installed and found, and trainings that start from one without harm."""

import dataclasses
import hashlib
import io
import re
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import pytest
from forged import arrays_file
from running import run_trainer
from samples import play

from dev.base import pack, start
from dev.paths import ROOT
from scriptmodel_trainer.artifacts import bases
from scriptmodel_trainer.artifacts.model_directory import LOG, load_model, save_model
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.runs.fit import blended
from scriptmodel_trainer.runs.prepare import prepare
from scriptmodel_trainer.storage.arrays import Floats, as_bfloat16, from_bfloat16
from scriptmodel_trainer.storage.records import Card
from scriptmodel_trainer.training.fine_tuning import load_base, preset_after
from scriptmodel_trainer.training.options import options_from

CARD = Card("en", "en", "CC0-1.0", ("A Play by A. Author (1901)",), "legal advice", {"test": 1.5})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder of bases an empty one."""
    monkeypatch.setenv("SCRIPTMODEL_BASES", str(tmp_path / "bases"))
    return tmp_path / "bases"


@pytest.fixture
def folder(model: Path, tmp_path: Path) -> Path:
    """A model directory with a card."""
    save_model(tmp_path / "base", dataclasses.replace(load_model(model, judged=True), card=CARD), "")
    return tmp_path / "base"


@pytest.fixture
def packed(folder: Path, tmp_path: Path) -> Path:
    return archive_of(folder, tmp_path / "en.tar")


def archive_of(folder: Path, out: Path) -> Path:
    with tarfile.open(out, "w") as archive:
        for path in folder.iterdir():
            if path.name != LOG:
                archive.add(path, path.name)
    return out


def test_a_packed_model_can_be_added_and_equal_models_give_equal_files(model: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(msgspec.json.encode(CARD))
    for name in ("first.tar", "second.tar"):
        pack.pack(model, tmp_path / "card.json", tmp_path / name)
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()
    folder, card = bases.add(str(tmp_path / "first.tar"), None)
    assert folder == home / "en"
    assert card.figures.keys() == {"test", "nats per character of its test split"}


@pytest.mark.parametrize("language", sorted(path.stem for path in (ROOT / "bases").glob("*.yaml")))
def test_a_card_can_have_the_language_of_each_list(language: str) -> None:
    card = msgspec.structs.replace(CARD, name=language, language=language)
    assert msgspec.convert(msgspec.to_builtins(card), Card) == card


def test_bfloat16_keeps_eight_bits_rounded_to_the_nearest_and_the_shape() -> None:
    numbers = np.array([[1.0, -2.5, 0.0], [1 + 2**-9, 1 + 3 * 2**-9, 3e-39]], np.float32)
    kept = from_bfloat16(as_bfloat16(numbers))
    assert kept.tolist()[0] == [1.0, -2.5, 0.0]
    assert kept[1, :2].tolist() == [1.0, 1 + 2**-7]
    assert np.abs(kept - numbers).max() <= 2**-8
    assert from_bfloat16(as_bfloat16(np.float32(0.5).reshape(()))).shape == ()


def test_a_base_takes_half_the_room_and_is_loaded_as_float32(folder: Path, model: Path) -> None:
    (whole,), (half,) = (list(path.glob("weights-*")) for path in (model, folder))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    for name, weights in load_model(folder).weights.items():
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights, load_model(model).weights[name], rtol=2**-8)


def test_an_added_base_is_listed_with_its_card_and_can_be_removed(packed: Path, home: Path) -> None:
    added = run_trainer(["base", "add", packed])
    line = "en, 1 texts, licence CC0-1.0, test 1.5"
    assert (added.returncode, added.stdout.strip()) == (0, f"{home / 'en'}: {line}")
    assert "not for: legal advice" in added.stderr
    assert run_trainer(["base", "list"]).stdout == f"en  {line}  {home / 'en'}\n" == run_trainer(["base"]).stdout
    assert [path.name for path in home.iterdir()] == ["en"]
    assert run_trainer(["base", "remove", "en"]).returncode == 0
    none = "no base is installed: `scriptmodel base add FILE` adds one of a release or `make base`\n"
    assert run_trainer(["base", "list"]).stdout == none
    assert run_trainer(["base", "remove", "en"]).returncode == 2


def test_a_base_must_have_the_digest_that_is_given_and_one_from_a_url_must_have_one(packed: Path, home: Path) -> None:
    with pytest.raises(BadInputError, match="has SHA-256"):
        bases.add(str(packed), "0" * 64)
    with pytest.raises(BadInputError, match="needs --sha256"):
        bases.add("https://example.org/en.tar", None)
    assert not list(home.glob("*"))
    assert bases.add(str(packed), hashlib.sha256(packed.read_bytes()).hexdigest())[0] == home / "en"


def test_what_is_no_base_is_refused_and_leaves_nothing(folder: Path, model: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="without a card"):
        bases.add(str(archive_of(model, tmp_path / "model.tar")), None)
    (folder / "more.txt").write_text("more")
    with pytest.raises(BadInputError, match=r"has the file more\.txt"):
        bases.add(str(archive_of(folder, tmp_path / "more.tar")), None)
    (folder / "more.txt").unlink()
    arrays_file(folder, "weights").write_bytes(b"other weights")
    with pytest.raises(BadInputError, match="damaged"):
        bases.add(str(archive_of(folder, tmp_path / "damaged.tar")), None)
    (tmp_path / "cut.tar").write_bytes((tmp_path / "damaged.tar").read_bytes()[:9000])
    with pytest.raises(BadInputError) as caught:
        bases.add(str(tmp_path / "cut.tar"), None)
    assert str(tmp_path / "cut.tar") in caught.value.line()
    assert str(home) not in caught.value.line()
    assert caught.value.hint == "fetch it again, or give another packed base"
    assert not list(home.glob("*"))


@pytest.mark.parametrize("name", ["weights-0/a.safetensors", f"weights-{'a' * 300}.safetensors"])
def test_a_file_that_no_base_has_is_named_before_it_is_stored(name: str, home: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(BadInputError, match="which no base has"):
        bases.add(str(tmp_path / "a.tar"), None)
    assert not list(home.glob("*"))


def test_a_base_of_a_release_is_added_by_its_name(packed: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = packed.with_name("en.tar.sha256")
    listed.write_text(f"{hashlib.sha256(packed.read_bytes()).hexdigest()}  en.tar\n")
    handler = partial(SimpleHTTPRequestHandler, directory=packed.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SCRIPTMODEL_BASE_URL", f"http://127.0.0.1:{server.server_port}/")
        assert bases.how_to_get_one().endswith(": `scriptmodel base add en`")
        assert bases.add("en", None)[0] == home / "en"
        listed.write_text("0" * 64)
        for name, error in (("en", "has SHA-256"), ("de", "cannot be read: Not Found|cannot be read: HTTP Error 404")):
            with pytest.raises(BadInputError, match=error):
                bases.add(name, None)
        server.shutdown()
    monkeypatch.delenv("SCRIPTMODEL_BASE_URL")
    assert "make base" in bases.how_to_get_one()


def test_a_base_that_is_no_file_is_answered_with_how_to_get_one() -> None:
    added = run_trainer(["base", "add", "en"])
    assert added.returncode == 2
    assert "error: there is no file en; `scriptmodel base add` takes a packed base" in added.stderr


@pytest.mark.parametrize("name", ["en\n", "en\x1b"])
def test_a_card_has_a_name_that_is_a_folder(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(msgspec.structs.replace(CARD, name=name)), Card)


def test_a_card_gives_a_terminal_no_orders(model: Path, tmp_path: Path) -> None:
    card = msgspec.structs.replace(CARD, licence="\x1b[2JCC0", not_for="\x1b]0;x\x07", figures={"\x9b2J": 1.0})
    save_model(tmp_path / "base", dataclasses.replace(load_model(model, judged=True), card=card), "")
    added = run_trainer(["base", "add", archive_of(tmp_path / "base", tmp_path / "en.tar")])
    shown = added.stdout + added.stderr + run_trainer(["base", "list"]).stdout
    assert added.returncode == 0
    assert "\\x1b[2JCC0" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_the_language_of_a_text_is_known_by_the_commonest_words_of_a_base() -> None:
    commonest = "the and to of I you a it in that is not me he for what with have be my do this your but so"

    def share(text: str) -> float:
        lexicon = sorted(set(text.split()))
        train = np.array([lexicon.index(word) for word in text.split()], np.int32)
        return bases.share_of(commonest.split(), train, lexicon)

    assert share("I have to tell you that this is not what he had in his mind , you know .") > 0.5
    assert share("ich habe dir doch gesagt , so geht das nicht in einem fort , mein lieber .") < 0.15


def test_a_training_starts_from_a_base_in_its_corpus_else_from_an_installed_one(
    folder: Path, packed: Path, tmp_path: Path
) -> None:
    bases.add(str(packed), None)
    corpus = tmp_path / "corpus"
    (corpus / "bases").mkdir(parents=True)

    def start(name: str) -> Path | None:
        words = ["train", "--data", str(corpus), "--out", str(tmp_path / "out"), "--base", name]
        base = options_from(parser().parse_args(words)).base
        return base.folder if base else None

    assert start("en") == bases.found_as("en")
    folder.rename(corpus / "bases" / "en")
    assert start("en") == corpus / "bases" / "en"
    with pytest.raises(BadInputError, match="there is no base de"):
        start("de")


def test_a_base_without_the_language_of_the_text_is_not_chosen(packed: Path) -> None:
    bases.add(str(packed), None)
    known = [word for word in load_model(bases.found_as("en")).vocabulary.words if word.isalpha()]
    assert bases.best_for(["en"], np.arange(len(known), dtype=np.int32), known) == bases.found_as("en")
    foreign = [f"{word}xq" for word in known]
    assert bases.best_for(["en"], np.arange(len(known), dtype=np.int32), foreign) is None
    assert bases.best_for([], np.arange(len(known), dtype=np.int32), known) is None


@pytest.mark.parametrize("foreign", [False, True])
def test_a_training_from_a_base_in_another_language_says_so(
    packed: Path, tmp_path: Path, foreign: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    bases.add(str(packed), None)
    (tmp_path / "play.md").write_text(re.sub(r"[aeiou]", "ä" if foreign else r"\g<0>", play(60)), "utf-8")
    words = ["train", "--data", str(tmp_path / "play.md"), "--out", str(tmp_path / "out"), "--base", "en"]
    prepare(options_from(parser().parse_args(words)), TextProgress(io.StringIO()))
    assert ("of the base en (en): it is in another language; leave it out" in capsys.readouterr().err) == foreign


def test_of_bases_in_the_language_the_one_that_knows_most_words_is_chosen(folder: Path, packed: Path) -> None:
    modern = load_model(folder)
    spelled = dict.fromkeys(
        [word for word in modern.vocabulary.words if len(word) > 2 and word.isalpha()][1::2], "{}ee"
    )
    old = tuple(spelled.get(word, "{}").format(word) for word in modern.vocabulary.words)
    vocabulary = dataclasses.replace(modern.vocabulary, words=old)
    save_model(bases.add(str(packed), None)[0].with_name("old"), dataclasses.replace(modern, vocabulary=vocabulary), "")
    for name, words in (("en", modern.vocabulary.words), ("old", old)):
        text = [word for word in words if word.isalpha()]
        assert bases.best_for(["en", "old"], np.arange(len(text), dtype=np.int32), text) == bases.found_as(name)


def test_the_training_of_a_base_starts_from_another_with_the_words_of_its_texts(packed: Path, tmp_path: Path) -> None:
    base = load_model(bases.add(str(packed), None)[0])
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("<boname> Ann <eoname> The lampe , the lampe <eos>\n" * 40, "utf-8")
    start.start("en", tmp_path / "texts", tmp_path / "start")
    started = load_base(tmp_path / "start").model
    assert {"The", "the", "lampe"} < set(started.vocabulary.words)
    assert "lamp" in base.vocabulary
    assert "lamp" not in started.vocabulary
    before, now = (each.weights["embedding"][each.vocabulary.id_of("the")].tolist() for each in (base, started))
    assert before == now
    spelled = base.weights["embedding"][base.vocabulary.encode(["lampe"])].mean(axis=0)
    assert started.weights["embedding"][started.vocabulary.id_of("lampe")] == pytest.approx(spelled, rel=0.02, abs=1e-3)


def test_a_base_has_settings_of_its_own_for_few_plays(folder: Path, model: Path) -> None:
    origin = load_model(model).origin.preset
    _, preset = preset_after(load_base(folder), None, {})
    assert preset.learning_rate < origin.learning_rate
    assert preset.trigrams
    assert preset_after(load_base(folder), None, {"epochs": "2"})[1].epochs == 2


@pytest.mark.parametrize(
    ("tokens", "minutes", "epochs"),
    [(50_000, 1, 8), (204_522, 1, 2), (131_606, 1, 3), (131_606, 2, 6), (131_606, None, 8), (5_000_000, 1, 1)],
)
def test_a_training_from_a_base_reads_as_many_epochs_as_the_minutes_allow(
    folder: Path, tokens: int, minutes: float | None, epochs: int
) -> None:
    base = load_base(folder)
    assert preset_after(base, None, {}, tokens, minutes)[1].epochs == epochs
    assert preset_after(base, None, {"epochs": "9"}, tokens, minutes)[1].epochs == 9


@pytest.mark.parametrize(
    ("minutes", "known", "epochs"), [(None, 0.95, 2), (None, 0.8, 8), ("1", 0.8, 2), ("2", 0.95, 4)]
)
def test_a_corpus_of_words_that_the_base_lacks_is_read_longer_unless_limited(
    packed: Path, minutes: str | None, known: float, epochs: int
) -> None:
    bases.add(str(packed), None)
    words = [word for word in load_model(bases.found_as("en")).vocabulary.words if word.isalpha()]
    train = np.resize(np.arange(len(words), dtype=np.int32), 200_000)
    lexicon = words[: round(known * len(words))]
    lexicon += [f"{word}xq" for word in words[len(lexicon) :]]
    given = ["--minutes", minutes] if minutes else []
    options = options_from(parser().parse_args(["train", "--data", "a", "--out", "b", "--base", "en", *given]))
    assert dataclasses.replace(options, usual=10.0).chosen(train, lexicon).preset.epochs == epochs


@pytest.mark.parametrize(("best", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (3.0, 1.0)])
def test_the_mixture_with_the_least_loss_is_kept_and_the_base_is_one(best: float, share: float) -> None:
    base, trained = ({"bias": np.full(2, value, np.float32)} for value in (0.0, 1.0))

    def loss(weights: dict[str, Floats]) -> float:
        return abs(float(weights["bias"][0]) - best)

    weights, kept = blended(base, trained, loss)
    assert kept == share
    assert weights["bias"].tolist() == [share, share]


def test_write_starts_from_a_base_of_the_language_and_says_so(packed: Path, tmp_path: Path) -> None:
    bases.add(str(packed), None)
    (tmp_path / "plays").mkdir()
    (tmp_path / "plays" / "new.md").write_text(play(60, seed=3), "utf-8")
    words = ["write", tmp_path / "plays", "--out", tmp_path / "out", "--words", "40"]
    first = run_trainer(words)
    assert first.returncode == 0, first.stderr
    assert "note: starting from the base en, which has read 1 texts; --base none learns from" in first.stderr
    assert "of what was learned beyond the base" in first.stderr
    base = load_model(tmp_path / "out" / "model").origin.base
    assert base is not None
    assert (base.name, base.digest) == ("en", load_base(bases.found_as("en")).model.digest)
    assert run_trainer([*words, "--base", "en", "--minutes", "1"]).stderr == ""
    shorter = run_trainer([*words, "--minutes", "0.001"])
    assert (shorter.returncode, "holds a model that --minutes did not choose" in shorter.stderr) == (2, True)
    other = run_trainer([*words, "--base", "none"])
    assert (other.returncode, "started from another base, or from none" in other.stderr) == (2, True)
    missing = run_trainer([*words, "--base", "de"])
    assert (missing.returncode, "there is no base de; installed: en" in missing.stderr) == (2, True)
