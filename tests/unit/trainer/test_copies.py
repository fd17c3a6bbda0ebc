"""Sentences that a script has from its training text are counted, named with their play, and written anew."""

import json
from pathlib import Path

import pytest
from running import run_trainer
from samples import read_stream

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.judging import copies
from scriptmodel_trainer.judging.copies import KnownSentences, known_sentences

COPIED = event_tokens(Event(EventKind.SPEECH, "The lamp, waits for nobody tonight. Never.", "ANN"))
OWN = event_tokens(Event(EventKind.SPEECH, "The lamp waits for somebody else tonight? Never.", "BOB"))


def known(folder: Path, **plays: str) -> KnownSentences:
    for name, line in plays.items():
        (folder / f"{name}.train.txt").write_text(f"ANN. {line}\n\nBOB. No.\n\n" * 3, "utf-8")
    return known_sentences(read_stream(folder))


def test_copied_sentences_are_counted_and_the_longest_is_named_with_its_play(tmp_path: Path) -> None:
    found = known(tmp_path, lamp="The lamp waits for nobody tonight.", winter="Now is the winter of our discontent.")
    assert str(found.copies(OWN)) == "0 of 1 sentences of 6 words or more"
    assert str(found.copies(OWN, COPIED)) == (
        '1 of 2 sentences of 6 words or more; the longest: "The lamp, waits for nobody tonight" (lamp)'
    )
    assert found.copies([]).sentences == 0


def test_sentences_of_a_base_are_copies_with_their_play(tmp_path: Path) -> None:
    for name in ("own", "base"):
        (tmp_path / name).mkdir()
    base = known(tmp_path / "base", lamp="The lamp waits for nobody tonight.")
    own = known(tmp_path / "own", winter="Now is the winter of our discontent.").with_those_of(base)
    assert own.copies(COPIED).source == "lamp, of the base"


def test_a_large_text_keeps_so_many_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST", 1)
    plays = {"lamp": "The lamp waits for nobody tonight.", "winter": "Now is the winter of our discontent."}
    assert len(known(tmp_path, **plays).runs.hashes) == 1


@pytest.mark.slow
def test_generate_counts_copies_and_writes_them_anew(tmp_path: Path, model: Path) -> None:
    counts = []
    for more in ([], ["--no-copies"]):
        out = ["--out", tmp_path / "a.txt", "--record", tmp_path / "a.json"]
        done = run_trainer(["generate", model, "--words", "150", "--temperature", "0.4", *out, *more])
        assert done.returncode == 0, done.stderr
        (entry,) = json.loads((tmp_path / "a.json").read_text())["samples"]
        assert f"{entry['copies']['copied']} of {entry['copies']['sentences']} sentences" in done.stderr
        counts.append(entry["copies"]["copied"])
    assert counts[0] > 0
    assert counts[1] == 0
