"""Replies to a scene: those that the model writes, real lines, and how both are scored."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from random_models import SCRIPT, even_cache, network, spelling

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.speeches import read_speeches, real_lines
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.hearing import Heard
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.quoting import Quotable
from scriptmodel_trainer.generation.replies import Replies, replies_of
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import writer_of
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


def test_lines_are_those_that_the_writer_writes_alone_but_for_rounding(replies: Replies, trained: TrainedModel) -> None:
    """The scene is read at once, not token by token."""
    writer, alone = writer_of(trained), set[str]()
    for seed in itertools.product([5], range(3), range(16)):
        script = writer.write(33, Sampling(), seed, Opening(prompt="ANNA:", text=SCENE))
        alone.add(writer.text(script.tokens[script.given :]).partition("\n")[0].removeprefix("[ ANNA ]: "))
    found = replies.written(replies.scene(Opening(text=SCENE)), 5, 30, Sampling(), 5)
    assert sum(reply.text in alone for reply in found) >= len(found) - 1 == 4


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
