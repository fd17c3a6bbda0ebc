"""Replies to a scene: those that the model writes and real lines, their scores, and where lines and names are from."""

from pathlib import Path

import numpy as np
import pytest
from random_models import SCRIPT, even_cache, network, spelling

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.speeches import RealLine, read_speeches, real_lines
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.hearing import Heard
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.quoting import Quotable
from scriptmodel_trainer.generation.replies import Replies, replies_of
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.model.readers import Reader

SCENE = "ANNA: The river will not leave. Who waits for the harbour?\nMIRA: A stranger waits for the last train.\n"
PLAIN = spelling(("the", "lamp", "waits", "n't", "<eos>"))


@pytest.fixture(scope="module")
def trained(model: Path) -> TrainedModel:
    return load_model(model)


@pytest.fixture(scope="module")
def replies(trained: TrainedModel) -> Replies:
    return replies_of(trained)


@pytest.fixture(scope="module")
def quotable(corpus: Path, trained: TrainedModel) -> Quotable:
    return Quotable(real_lines(read_speeches(find_sources([corpus], lambda _: None), None, print)), trained.vocabulary)


def test_ten_lines_differ_are_short_and_are_set_as_the_scene(replies: Replies) -> None:
    found = replies.written(replies.scene(Opening(text=SCENE)), 10, 12, Sampling(), 1)
    assert len({reply.text for reply in found}) == 10
    assert {reply.name for reply in found} == {"ANNA"}
    assert all(reply.printed == f"\nANNA: {reply.text}" for reply in found)
    assert all(0 < len(reply.text.split()) <= 12 for reply in found)
    assert [reply.score for reply in found] == sorted((reply.score for reply in found), reverse=True)
    assert replies.written(replies.scene(Opening(text=SCENE)), 3, 12, Sampling(), 1) == found[:3]


def test_the_next_speaker_may_be_named_and_nearly_a_name_is_refused(replies: Replies) -> None:
    for scene, speaker in ((f"{SCENE}\nMIRA:", ""), (SCENE, "Mira"), (SCENE.replace("MIRA", "VIVIE"), "vivie")):
        named = replies.scene(Opening(speaker, text=scene)).named
        assert named.casefold() == (speaker or "mira").casefold()
    with pytest.raises(BadInputError, match=r'unknown speaker "VIVVIE" \(did you mean VIVIE\?\)'):
        replies.scene(Opening("VIVVIE", text=SCENE.replace("MIRA", "VIVIE")))


def test_real_lines_are_other_lines_of_the_corpus_each_of_another_speech(replies: Replies, quotable: Quotable) -> None:
    scene = replies.scene(Opening(text=SCENE))
    found = replies.real(scene, 10, 12, 1, quotable)
    lines = [quotable.lines[reply.line] for reply in found if reply.line is not None]
    assert [reply.text for reply in found] == [line.text for line in lines]
    assert len({line.speech for line in lines}) == 10
    assert all("Anna" not in line.text for line in lines)
    best = found[0]
    others = replies.real(scene, 10, 12, 1, quotable, {best.line or 0}, lines[1].speech)
    assert best.text not in [reply.text for reply in others]
    assert lines[1].speech not in [quotable.lines[reply.line or 0].speech for reply in others]
    again = replies.scene(Opening(text=f"{SCENE}ANNA: {best.text}\n"))
    assert best.text not in [reply.text for reply in replies.real(again, 10, 12, 1, quotable)]
    replies.said(scene, best)
    assert replies.real(scene, 1, 12, 1, quotable)[0].name == "Mira"


def test_no_real_line_says_the_same_as_another(replies: Replies, trained: TrainedModel) -> None:
    texts = ("So do I.", "Why, so do I.", "So I have.", "The river waits.")
    lines = [RealLine(text, "BEN", number, "Pier", "") for number, text in enumerate(texts)]
    scene = replies.scene(Opening(text=SCENE))

    def found(*used: int) -> set[int | None]:
        return {reply.line for reply in replies.real(scene, 5, 12, 1, Quotable(lines, trained.vocabulary), used)}

    assert found(0) == {3}
    assert len(found() & {0, 1}) == 1


def test_a_score_is_what_the_scene_adds(replies: Replies, trained: TrainedModel, quotable: Quotable) -> None:
    scene = replies.scene(Opening(text=SCENE))
    assert all(reply.score != pytest.approx(0, abs=1e-5) for reply in replies.real(scene, 10, 12, 1, quotable))
    scene.heard = Heard(trained.network(), np.array([trained.vocabulary.first], np.int32))
    alone = replies.real(scene, 10, 12, 1, quotable)
    assert [reply.score for reply in alone] == pytest.approx([0] * 10, abs=1e-6)


def test_a_scene_is_scored_with_as_many_tokens_as_the_cache_was_trained_to_remember() -> None:
    net, random = network(SCRIPT, 3, 0.5), np.random.default_rng(1)
    net.cache = even_cache(8)
    target, counted = 7, np.ones(len(SCRIPT), np.bool_)
    near = random.integers(0, 5, 40).astype(np.int32)
    cue, text = np.array([1, 2], np.int32), [np.array([target], np.int32)]
    far = np.concatenate([np.full(9, target, np.int32), near])
    once, other = Heard(net, far), Heard(net, np.concatenate([near[:9], near]))
    assert once.sums(cue, text, counted) == pytest.approx(other.sums(cue, text, counted), abs=1e-3)
    parts = Heard(net, far[:20])
    parts.read(far[20:])
    assert parts.sums(cue, text, counted) == pytest.approx(once.sums(cue, text, counted))


def test_a_model_without_speakers_has_no_replies() -> None:
    with pytest.raises(BadInputError, match="has no speakers"):
        Replies(network(PLAIN, 1), PLAIN, (), None).scene(Opening(text=SCENE))  # type: ignore[arg-type]


def test_a_text_that_is_read_at_once_is_followed_by_what_follows_it_token_by_token() -> None:
    net = network(SCRIPT, 3, 0.5)
    net.cache = even_cache(5)
    given = np.random.default_rng(1).integers(0, len(SCRIPT), 12).tolist()
    slow = Reader(net)
    for token in given[:-1]:
        slow.read(token)
    assert Reader(net).read(*given) == pytest.approx(slow.read(given[-1]), abs=1e-4)


PLAY = """# The Pier

## ACT I

### SCENE 2. A room.

**ANNA**  
(rising) The tide is early today, Mr. Bell.  

**BEN**  
It was early yesterday as well, and the day before, and nobody said a word about it. Has it no shame? You said "no.  

**ANNA**  
Yes.  

**ANNA**  
The tide is early today, Mr. Bell.  
"""  # noqa: W291  # a line of verse ends so in Markdown
WORDS = spelling(("the", "tide", "<eos>"))


def test_lines_are_short_speeches_and_sentences_of_long_ones_each_once(tmp_path: Path) -> None:
    (tmp_path / "12_The-Pier_12.md").write_text(PLAY * 4)
    found = real_lines(read_speeches(find_sources([tmp_path], lambda _: None), None, print))
    assert [(line.text, line.speaker, line.speech) for line in found] == [
        ("The tide is early today, Mr. Bell.", "ANNA", 1),
        (PLAY.split("\n")[10].partition(" Has")[0], "BEN", 2),
        ("Has it no shame?", "BEN", 2),
    ]
    assert {line.source.rpartition(", ")[0] for line in found} == {"The Pier, ACT I, SCENE 2. A room"}


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        ("You are late, Anna.", "You are late, Vivie."),
        ("You are late, Lady Anna, and wet.", "You are late, Vivie, and wet."),
        ("Anna, you are late.", "Vivie, you are late."),
        ("Old Ben was early, Mira.", "Old Ben was early, Mira."),
        ("Anna was early.", None),
        ("Whoever is Anna--", None),
        ("Nobody was early.", "Nobody was early."),
    ],
)
def test_the_name_of_who_is_addressed_is_replaced_and_no_other_is_said(text: str, fitted: str | None) -> None:
    lines = [RealLine(text, name, 1, "The Pier", "") for name in ("ANNA", "OLD BEN", "MIRA")]
    assert Quotable(lines, WORDS).fitted(0, {"mira", "ben"}, "Vivie") == fitted


def test_the_place_of_a_line_is_no_description_of_the_scene(tmp_path: Path) -> None:
    scene = "SCENE: [A public-house, very rough and untidy. There is a counter on the right.]"
    talk = "ANNA. Is it early?\n\nBEN. It is early, and cold.\n\n" * 9
    (tmp_path / "play.txt").write_text(f"ACT I\n\n{scene}\n\n{talk}")
    assert {line.source for line in real_lines(read_speeches(find_sources([tmp_path], print), None, print))} == {
        "play, ACT I, ANNA",
        "play, ACT I, BEN",
    }


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("plays-42395_The-Circle.txt", "W. SOMERSET MAUGHAM\n\n{talk}", "plays 42395 The Circle"),
        ("A Woman of No Importance.txt", "A WOMAN OF\nNO IMPORTANCE\n\nBY A. B.\n\n{talk}", "A WOMAN OF NO IMPORTANCE"),
        ("A-Doll-s-House---a-play.txt", "A DOLL'S HOUSE\n\n{talk}", "A DOLL'S HOUSE"),
        ("Mrs. Warren's Profession.txt", "MRS. WARREN'S PROFESSION\n\n{talk}", "MRS. WARREN'S PROFESSION"),
        ("Mr. Trent.train.txt", "By somebody.\n\n{talk}", "Mr Trent"),
        ("The Circle.txt", "THE CIRCLE\n\n{talk}", "THE CIRCLE"),
        (
            "circle.xml",
            "<TEI><teiHeader><titleStmt>\n<title>The  Circle</title></titleStmt></teiHeader><text><body>"
            "<sp><speaker>ANNA</speaker><p>Is it early?</p></sp></body></text></TEI>",
            "The Circle",
        ),
    ],
)
def test_a_play_is_called_as_its_edition_does_or_as_its_file(name: str, text: str, title: str, tmp_path: Path) -> None:
    talk = "ACT I\n\n" + "ANNA. Is it early?\n\nBEN. It is early, and cold.\n\n" * 9
    (tmp_path / name).write_text(text.format(talk=talk))
    sources = find_sources([tmp_path], print)
    assert {line.play for line in real_lines(read_speeches(sources, None, print))} == {title}
    assert {speech.play for speech in read_speeches(sources, None, print)} == {title}
