"""The judge ranks held-out text above sampled text, and that above loops, noise, copies and text of another corpus."""

import dataclasses
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from forged import without_reference
from running import run_trainer
from samples import play, read_stream

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.given import rendered_tokens
from scriptmodel_trainer.corpus.stream import TokenStream
from scriptmodel_trainer.corpus.tokens import is_word
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.judging.figures import Figures
from scriptmodel_trainer.judging.reference import Reference, held_out_tokens, reference_of, stored_reference
from scriptmodel_trainer.judging.runs import MOST, SIZES, Runs, hashes_of, known_ngrams, ngrams
from scriptmodel_trainer.judging.verdict import judge
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.reporting.report import render_report

pytestmark = pytest.mark.slow

GREEDY = Sampling(0.0)
SCALE = {"fair", "good", "like the corpus"}


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A corpus that is large enough to hold out some pages, and a model of it."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "plays").mkdir()
    (folder / "plays" / "play.md").write_text(play(1200), "utf-8")
    arguments = ["--preset", "demo", "--epochs", "4", "--set", "hidden_units=32", "batch_size=8", "steps=10"]
    done = run_trainer(["train", "--data", folder / "plays", "--out", folder / "model", *arguments])
    assert done.returncode == 0, done.stderr
    return folder / "plays", folder / "model"


@pytest.fixture(scope="session")
def corpus_stream(learned: tuple[Path, Path]) -> TokenStream:
    return read_stream(learned[0])


@pytest.fixture(scope="session")
def reference(corpus_stream: TokenStream) -> Reference:
    found = reference_of(corpus_stream)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def writer(learned: tuple[Path, Path]) -> Writer:
    trained = load_model(learned[1])
    return Writer(Network(trained.weights), trained.vocabulary)


def training_text(stream: TokenStream, count: int) -> list[str]:
    return [stream.lexicon[number] for number in stream.splits["train"][:count].tolist()]


def shuffled(tokens: Sequence[str]) -> list[str]:
    """The same text with its words in another order; markers and names stay where they are."""
    places = [
        place for place, token in enumerate(tokens) if is_word(token) and (not place or tokens[place - 1] != "<boname>")
    ]
    words = [tokens[place] for place in places]
    random.Random(1).shuffle(words)
    mixed = list(tokens)
    for place, word in zip(places, words, strict=True):
        mixed[place] = word
    return mixed


def test_held_out_and_sampled_text_rank_above_all_that_is_bad(
    corpus_stream: TokenStream, reference: Reference, writer: Writer, tmp_path: Path
) -> None:
    held_out = held_out_tokens(corpus_stream)
    sampled = [writer.write(400, Sampling(), (seed, 0), Opening()).tokens for seed in range(3)]
    (tmp_path / "other.md").write_text(
        "# The Other Play\n\n## ACT I\n\n"
        + "**KING**  \nNow is the winter of our discontent, made glorious summer.  \n\n"
        "**QUEEN**  \nIn sooth, I know not why I am so sad; it wearies me.  \n\n" * 60,
        "utf-8",
    )
    bad = {
        "a loop": writer.write(400, GREEDY, (0, 0), Opening()).tokens,
        "noise": shuffled(held_out),
        "a copy": training_text(corpus_stream, len(held_out)),
        "foreign": training_text(read_stream(tmp_path), 800),
    }
    scores = [reference.verdict(tokens).form_score for tokens in sampled]
    assert reference.verdict(held_out).form_score == 1
    assert reference.verdict(held_out).form == "like the corpus"
    assert {reference.verdict(tokens).form for tokens in sampled} <= SCALE
    for verdict, tokens in bad.items():
        judged = reference.verdict(tokens)
        assert judged.form_score < min(scores), verdict
        assert judged.form == verdict


def test_an_untrained_model_writes_noise(learned: tuple[Path, Path], reference: Reference, tmp_path: Path) -> None:
    done = run_trainer(["train", "--data", learned[0], "--out", tmp_path / "model", "--preset", "test"])
    assert done.returncode == 0, done.stderr
    trained = load_model(tmp_path / "model")
    writer = Writer(Network(trained.weights), trained.vocabulary)
    for seed in range(3):
        assert reference.verdict(writer.write(400, Sampling(), (seed, 0), Opening()).tokens).form == "noise"


def test_more_training_never_scores_lower() -> None:
    """Figures of eight scripts at temperature 0.8 after 1, 2, 3, 5 and 8 epochs on two plays by Wilde."""
    alike = Figures(**dict.fromkeys(Figures.__dataclass_fields__, 0.5))  # type: ignore[arg-type]  # words are a number
    alike = dataclasses.replace(alike, copied_sentences=0.0, repeated_lines=0.0, triples_by_chance=0.005)
    held_out = dataclasses.replace(alike, distinct=0.613, known_pairs=0.549, known_triples=0.189)
    stages = (
        (0.462, 0.43, 0.035),
        (0.509, 0.569, 0.124),
        (0.497, 0.697, 0.233),
        (0.528, 0.736, 0.298),
        (0.576, 0.761, 0.299),
    )
    figures = [
        dataclasses.replace(held_out, distinct=distinct, known_pairs=pairs, known_triples=triples)
        for distinct, pairs, triples in stages
    ]
    verdicts = [judge(each, held_out) for each in figures]
    for score in ("form_score", "sense_score"):
        scores = [getattr(each, score) for each in verdicts]
        assert scores == sorted(scores)
    assert [each.form for each in verdicts] == ["noise", *["like the corpus"] * 4]
    assert [each.sense for each in verdicts] == ["fair", "good", *["like the corpus"] * 3]


def test_a_large_text_keeps_an_even_sample_of_its_ngrams(monkeypatch: pytest.MonkeyPatch) -> None:
    words = hashes_of(f"w{number}" for number in range(4000))
    full = known_ngrams(words)
    half = np.concatenate([words[:500], hashes_of(f"other{number}" for number in range(500))])
    assert full[3].share(ngrams(half, 3)) == pytest.approx(0.5, abs=0.01)
    monkeypatch.setattr("scriptmodel_trainer.judging.runs.MOST", 1000)
    sample = known_ngrams(words)
    assert {len(sample[size].hashes) for size in SIZES} == {1000}
    assert sample[3].share(ngrams(words, 3)) == 1.0
    assert sample[3].share(ngrams(half, 3)) == pytest.approx(0.5, abs=0.1)
    assert MOST == 1 << 20


def test_ngrams_are_the_same_whatever_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    words = hashes_of(f"w{number % 97}" for number in range(3000))
    whole = known_ngrams(words)
    monkeypatch.setattr("scriptmodel_trainer.judging.runs.CHUNK", 64)
    parts = known_ngrams(words)
    for size in SIZES:
        assert parts[size].hashes.tolist() == whole[size].hashes.tolist()


def test_the_command_judges_a_script_and_a_model(learned: tuple[Path, Path], writer: Writer, tmp_path: Path) -> None:
    corpus, model = learned
    script = tmp_path / "script.txt"
    script.write_text(detokenize(writer.write(400, Sampling(), (0, 0), Opening()).tokens), "utf-8")
    judged = json.loads(run_trainer(["judge", script, "--data", corpus, "--json"]).stdout)
    assert judged["form"] in SCALE
    assert judged["sense"] in {*SCALE, "poor"}
    assert judged["figures"].keys() == judged["held_out"].keys()
    done = run_trainer(["judge", model, "--data", corpus, "--samples", "3", "--words", "300"])
    found = re.match(r"Form:  (.*) \(\d\.\d\d: originality .*\)\nSense: (poor|fair|good|like) ", done.stdout)
    assert found, done.stdout
    assert found[1] in {*SCALE, "a copy"}  # a corpus of so few sentences leaves few others to write
    copy = run_trainer(["judge", corpus / "play.md", "--data", corpus])
    assert copy.stdout.startswith("Form:  a copy (0.")


def test_a_corpus_too_small_to_hold_text_out_is_answered_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text("The lamp waits for nobody.\n", "utf-8")
    done = run_trainer(["judge", tmp_path / "play.txt", "--data", tmp_path])
    assert done.returncode == 2
    assert "too small to hold out text" in done.stderr
    assert read_stream(tmp_path).splits["train"] is not None
    assert reference_of(read_stream(tmp_path)) is None


def test_training_stores_what_the_judge_needs(learned: tuple[Path, Path], reference: Reference) -> None:
    stored = stored_reference(load_model(learned[1], judged=True))
    assert stored is not None
    assert stored.held_out == reference.held_out
    assert isinstance(stored.known[1], Runs)
    for size in SIZES:
        assert stored.known[size].hashes.tolist() == reference.known[size].hashes.tolist()


def test_the_record_has_the_verdict_on_each_sample(learned: tuple[Path, Path], tmp_path: Path) -> None:
    model = learned[1]
    reference = stored_reference(load_model(model, judged=True))
    assert reference is not None
    command = ["generate", model, "--words", "80", "--samples", "3"]
    assert run_trainer([*command, "--out", tmp_path / "all.txt", "--record", tmp_path / "all.json"]).returncode == 0
    entries = json.loads((tmp_path / "all.json").read_text())["samples"]
    texts = [(tmp_path / entry["file"]).read_text() for entry in entries]
    scores = [reference.verdict(list(rendered_tokens(text.splitlines()))).form_score for text in texts]
    assert [entry["score"]["form_score"] for entry in entries] == pytest.approx(scores, abs=0.02)


def test_words_in_their_order_have_sense_and_in_another_none(corpus_stream: TokenStream, reference: Reference) -> None:
    held_out = held_out_tokens(corpus_stream)
    ordered, mixed = reference.verdict(held_out), reference.verdict(shuffled(held_out))
    assert (ordered.sense, ordered.sense_score) == ("like the corpus", 0.75)
    assert mixed.sense == "poor"
    figures = reference.figures(shuffled(held_out))
    assert figures.triples_by_chance == pytest.approx(figures.known_triples, abs=0.05)


def test_the_sense_distinguishes_texts_of_which_all_have_more_than_people(reference: Reference) -> None:
    usual = dataclasses.replace(reference.held_out, known_triples=0.2, triples_by_chance=0.01)
    verdicts = [judge(dataclasses.replace(usual, known_triples=each), usual) for each in (0.4, 0.6)]
    assert 0.75 < verdicts[0].sense_score < verdicts[1].sense_score < 1
    assert verdicts[0].form_score == verdicts[1].form_score


def test_a_model_that_cannot_judge_writes_a_record_without_a_verdict(model: Path, tmp_path: Path) -> None:
    model = without_reference(model, tmp_path / "model")
    command = ["generate", model, "--words", "20"]
    out = ["--out", tmp_path / "a.txt", "--record", tmp_path / "a.json"]
    assert run_trainer([*command, *out]).stderr == ""
    record = json.loads((tmp_path / "a.json").read_text())
    assert "score" not in record["samples"][0]
    assert record["sampling"]["temperature"] == 0.8


def test_the_report_shows_the_verdict_or_why_there_is_none(learned: tuple[Path, Path], tmp_path: Path) -> None:
    page = (learned[1] / "report.html").read_text("utf-8")
    assert "held-out text" in page
    assert "distinct words among 200" in page
    trained = load_model(learned[1])
    assert "holds no figures to judge by" in render_report(trained)
    run_trainer(["report", learned[1], "--out", tmp_path / "again.html"])
    assert (tmp_path / "again.html").read_text("utf-8") == page
