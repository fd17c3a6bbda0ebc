"""Who speaks: the cast that is asked for, that of one play, or that of the text that a script continues."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import faults, spelling, weights_of
from running import run_trainer

from scriptmodel_trainer.artifacts.description import Play
from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation import writer as writing
from scriptmodel_trainer.generation.casting import ANY
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.verse import Lines
from scriptmodel_trainer.model.vocabulary import Vocabulary, with_names
from scriptmodel_trainer.storage.arrays import Floats

NAMES = ("ANNA", "BEN", "OLD_BEN", "MIRA", "THE_CLERK")
WORDS = (*NAMES, "the", "lamp", "waits", "'s", ",", "--", *sorted(tokens.MARKERS))
KNOWN = spelling(WORDS, *NAMES)
PLAYS = (Play("one.txt", ("ANNA", "BEN", "OLD_BEN")), Play("two.txt", ("MIRA", "THE_CLERK")))
LONG, SPEECHES = 300, 1_700  # ten thousand in all cases together


def writer(vocabulary: Vocabulary, seed: int = 1) -> Writer:
    weights = weights_of(vocabulary, seed, 0.5)
    for token, bias in ((tokens.OPEN_NAME, 6), (tokens.EOS, 8)):  # short speeches
        weights["output/bias"][vocabulary.id_of(token)] += bias
    return Writer(Network(weights), vocabulary, plays=PLAYS)


def speakers(text: str) -> list[str]:
    return re.findall(r"^\[ ([^\]]+) \]:", text, re.MULTILINE)


class AnyNetwork:
    """Says anything: logits drawn at random, with a bias for some tokens."""

    def __init__(self, vocabulary: Vocabulary, bias: dict[str, float]) -> None:
        logits = np.random.default_rng(7).normal(0, 2, (997, len(vocabulary))).astype(np.float32)
        for token, more in bias.items():
            logits[:, vocabulary.id_of(token)] += more
        self._rows = itertools.cycle(logits)

    def read(self, *given: int) -> Floats:
        del given
        return next(self._rows)


def test_a_name_of_the_cast_is_that_of_the_text_whatever_its_capitals() -> None:
    opening = Opening(text="ZOË: The lamp waits.\nVIVIE: The lamp.", cast=("Zoë", "Vivie", "ANNA", "Bo", "BO"))
    script = writer(KNOWN).write(60, Sampling(), (1,), opening)
    assert script.cast.names == ("ZOË", "VIVIE", "ANNA", "Bo")
    spoken = writer(KNOWN).write(60, Sampling(), (1,), Opening("vivie", text=opening.text))
    assert speakers(detokenize(spoken.tokens))[2] == "VIVIE"
    with pytest.raises(BadInputError, match=r'unknown speaker "VIVVIE" \(did you mean VIVIE\?\)'):
        writer(KNOWN).write(60, Sampling(), (1,), Opening("VIVVIE", text=opening.text))


@pytest.mark.parametrize("cast", [("ANNA", "Old Ben"), ("Zoë", "ANNA"), ("A", "AB", "ABC")])
def test_nobody_else_speaks(cast: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    network = AnyNetwork(KNOWN, {tokens.OPEN_NAME: 20, tokens.EOS: 20})  # short speeches
    monkeypatch.setattr(writing, "Reader", lambda *_: network)
    heard: list[str] = []
    for seed in range(1000):
        heard += speakers(detokenize(writer(KNOWN).write(LONG, Sampling(0), (seed,), Opening(cast=cast)).tokens))
        if len(heard) > SPEECHES:
            break
    assert len(heard) > SPEECHES
    assert {name.casefold() for name in heard} == {name.casefold() for name in cast}


def test_a_page_names_nobody_of_another_play_and_capitalises_no_word_of_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = with_names(
        (*WORDS, "EVA", "MISS_MIRA", "Torvald", "Bell", "BELL", "Mrs.", "Miss", "MISS", "to", "The"),
        ("ANNA", "MIRA", "EVA", "OLD_EVA", "MISS_MIRA"),
    )
    network = AnyNetwork(
        vocabulary,
        {
            tokens.OPEN_NAME: 5,
            tokens.OPEN_BRACKET: 2,
            tokens.CLOSE_BRACKET: -3,
            tokens.EOS: 2,
            "to": 2,
            "MIRA": 1,
            ",": 3,
        },
    )
    monkeypatch.setattr(writing, "Reader", lambda *_: network)
    plays = (
        Play("one.txt", ("ANNA", "MIRA"), proper=("Bell", "BELL", "MISS")),
        Play("two.txt", ("EVA", "ANNA"), proper=("EVA", "Torvald")),
    )
    lines = Lines(frozenset(["The"]), capitals=frozenset([tokens.EOS, tokens.CLOSE_NAME, "Mrs.", "Miss"]))
    page = Writer(Network(weights_of(vocabulary, 1)), vocabulary, plays=plays, lines=lines)
    text = page.text(page.write(4000, Sampling(0), (1,), Opening(cast=("ANNA", "MIRA"))).tokens)
    assert "EVA" not in text
    assert "Torvald" not in text
    assert not re.search(r"((?<!\.)\.|\]:)( \[[^]]*\])* [a-z]", text)
    assert re.search(r"[?!] [a-z]", text)
    assert set(re.findall(r"Mrs\. (\w+)", text)) == {"Bell"}
    assert re.search(r"^\[ ANNA \]:.*\[[^]]*\bto [^]]*MIRA", text, re.MULTILINE)
    assert re.search(r"[.?!] The\b", text)
    assert not re.search(r"\b(lamp|waits|the),? The\b", text)


def test_a_script_keeps_to_the_speakers_of_one_play() -> None:
    casts = set()
    for seed in range(20):
        script = writer(KNOWN).write(LONG, Sampling(1.5), (seed, 0), Opening())
        play = next(play for play in PLAYS if play.name == script.cast.play)
        assert set(speakers(detokenize(script.tokens))) <= {name.replace("_", " ") for name in play.speakers}
        casts.add(play.name)
    assert casts == {"one.txt", "two.txt"}
    everyone = writer(KNOWN).write(2000, Sampling(1.5), (1,), Opening(cast=ANY))
    assert everyone.cast.names == ANY
    assert len(set(speakers(detokenize(everyone.tokens)))) == len(NAMES)


@pytest.mark.parametrize("opening", [Opening("MIRA"), Opening("", "MIRA: The lamp"), Opening(text="Mira. The lamp.")])
def test_who_speaks_first_chooses_the_play(opening: Opening) -> None:
    for seed in range(5):
        script = writer(KNOWN).write(60, Sampling(), (seed,), opening)
        assert script.cast.play == "two.txt"
        assert speakers(detokenize(script.tokens))[0].casefold() == "mira"


def test_a_name_without_letters_is_no_name() -> None:
    with pytest.raises(BadInputError, match="is not a name"):
        writer(KNOWN).write(60, Sampling(), (1,), Opening(cast=("ANNA", "!!")))


SCENE = "HEDDA: The lamp waits.\n\n(He turns.)\n\nTESMAN: The zeppelin waits"


def test_a_scene_of_other_people_is_continued_by_them() -> None:
    for seed in range(20):
        script = writer(KNOWN, seed).write(60, Sampling(1.5), (seed,), Opening(text=SCENE))
        text = detokenize(script.tokens)
        assert text.startswith("[ HEDDA ]: The lamp waits.\n{{ He turns. }}\n[ TESMAN ]: The zeppelin waits")
        assert set(speakers(text)) == {"HEDDA", "TESMAN"}
        only_new = detokenize(script.tokens[script.given :])
        assert text.replace(" ", "").replace("\n", "").endswith(only_new.replace(" ", "").replace("\n", ""))
        assert len(only_new.split()) <= 60


def test_who_is_to_speak_next_and_a_new_scene_follow_the_text() -> None:
    opening = Opening("ANNA", "the lamp", "INT. KITCHEN", "BEN: The lamp waits", cast=("ANNA", "BEN"))
    text = detokenize(writer(KNOWN).write(60, Sampling(), (1,), opening).tokens)
    assert text.startswith("[ BEN ]: The lamp waits.\n{{ INT. KITCHEN. }}\n[ ANNA ]: the lamp")


def test_a_long_text_is_kept_whole_and_costs_no_words() -> None:
    text = "\n".join(f"{name}: the lamp waits." for name in ("ANNA", "BEN") * 1000)
    script = writer(KNOWN).write(30, Sampling(), (1,), Opening(text=text))
    rendered = detokenize(script.tokens)
    assert rendered.count("[ ANNA ]: the lamp waits.\n[ BEN ]: the lamp waits.\n") >= 1000
    assert not [fault for fault in faults(detokenize(script.tokens[script.given :]), 30) if "words" in fault]


def test_a_scene_in_a_file_is_continued(model: Path, tmp_path: Path) -> None:
    scene = tmp_path / "scene.txt"
    scene.write_text("ZOE: The lamp waits for\n", "utf-8")
    command = ["generate", model, "--words", "30", "--cast", "ZOE, Anna", "--continue"]
    done = run_trainer([*command, scene, "--out", tmp_path / "a.txt", "--record", tmp_path / "a.json"])
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "a.txt").read_text("utf-8")
    assert text.startswith("ZOE: The lamp waits for ")
    assert {"ZOE"} <= set(re.findall(r"^([A-Z ]+): ", text, re.MULTILINE)) <= {"ZOE", "ANNA"}
    (entry,) = json.loads((tmp_path / "a.json").read_text("utf-8"))["samples"]
    assert entry["cast"]["names"] == ["ZOE", "ANNA"]
    for text, message in (("", "is empty"), ("x" * 70_000, "has more than 64 KiB")):
        scene.write_text(text, "utf-8")
        refused = run_trainer([*command, scene])
        assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr


@pytest.mark.parametrize(
    ("words", "opening", "message"),
    [
        (60, {"speaker": "OLD BENN"}, 'unknown speaker "OLD BENN" (did you mean OLD BEN?)'),
        (60, {"cast": ["Anna", "MIRRA"], "prompt": "Zeppelins? " * 60}, "the prompt does not fit"),
        (60, {"scene": "HALL " * 60}, "the prompt does not fit"),
        (2, {}, "--words 2 is too few"),
    ],
)
def test_a_script_that_cannot_be_written_is_refused_before_training(
    words: int, opening: dict[str, Any], message: str, corpus: Path, tmp_path: Path
) -> None:
    request = {"SCRIPTMODEL_REQUEST": json.dumps({"words": words, "opening": opening})}
    refused = run_trainer(["train", "--data", corpus, "--out", tmp_path, "--preset", "test"], request)
    said = refused.stdout + refused.stderr
    assert (refused.returncode, message in said) == (2, True), said
    warning = "never have: MIRRA (did you mean Mira?); they speak with"
    assert (warning in said) == ("cast" in opening), said


def test_no_direction_or_quote_is_endless_and_whoever_has_a_speech_says_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = AnyNetwork(
        KNOWN,
        {
            **dict.fromkeys((tokens.OPEN_NAME, tokens.OPEN_EXPOSITION, tokens.OPEN_BRACKET, tokens.EOS), 3),
            **dict.fromkeys((tokens.CLOSE_EXPOSITION, tokens.CLOSE_QUOTE), -9),
            tokens.CLOSE_BRACKET: 4,
        },
    )
    monkeypatch.setattr(writing, "Reader", lambda *_: network)
    page = Writer(Network(weights_of(KNOWN, 1)), KNOWN)
    text = detokenize(page.write(4000, Sampling(0), (1,), Opening(cast=())).tokens)
    assert 20 < max(len(direction.split()) for direction in re.findall(r"\{\{ (.*) \}\}", text)) < 80
    assert 30 < max(len(quote.split()) for quote in re.findall(r'"([^"]+)"', text)) < 80
    speeches = re.findall(r"^\[ [^]]+ \]:(.*)", text, re.MULTILINE)
    assert sum("[" in speech for speech in speeches) > 20
    assert all(re.search(r"\w", re.sub(r"\[[^]]*\]", "", speech)) for speech in speeches)
