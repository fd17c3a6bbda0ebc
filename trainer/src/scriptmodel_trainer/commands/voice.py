"""The voice command: whose speech each speech of a draft sounds like, what is unusual in it, and its tics."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage import finite
from scriptmodel_trainer.voices.habits import Habits
from scriptmodel_trainer.voices.speeches import Masked, Speech, read_draft, read_speeches
from scriptmodel_trainer.voices.voices import Heard, Likeness, Voices, likeness

_WIDTH = 100
_MOST_SHOWN = 20
"""Speeches that are shown without --all."""


def voice(draft: Path, plays: Sequence[Path], layout: str, every: bool, as_json: bool, progress: Progress) -> str:
    """Return what was found as a line of JSON, or as text for a writer, with all speeches if `every`."""
    if layout == layouts.EXACT:
        raise BadInputError("layout exact recognises no speeches", "leave out --layout, or name another one")
    chosen = layouts.layout_named(layout)
    corpus = read_speeches(reading.find_sources(plays, progress.note), chosen, progress.note)
    if not corpus:
        raise BadInputError("no play of --with has speeches", "name plays: `scriptmodel-trainer normalize` shows them")
    (source,) = reading.find_sources([draft], progress.note)
    names = {each.speaker.casefold() for each in corpus}
    own = read_draft(source, chosen, lambda name: name.casefold() in names)
    if not own:
        raise BadInputError(f"{draft} has no speeches", "begin each with the speaker: `VIVIE. Good morning.`")
    progress.note(f"comparing {len(own):,} speeches with {len(corpus):,} of the plays")
    masked = Masked(each.speaker for each in (*corpus, *own))
    voices, habits = Voices(corpus, masked), Habits(corpus, masked)
    heard = voices.hear([each.text for each in own])
    report = {
        "characters": [_person(name, own, voices, heard) for name in dict.fromkeys(each.speaker for each in own)],
        "tics": [dataclasses.asdict(tic) for tic in habits.tics(own)],
        "speeches": [_speech(number, own[number], voices, heard, habits) for number in range(len(own))],
    }
    return json.dumps(finite(report)) if as_json else "\n".join(_text(report, every=every))


def _person(name: str, own: Sequence[Speech], voices: Voices, heard: Heard) -> dict[str, Any]:
    """Return whom all speeches of a character of the draft sound like, together."""
    here = [number for number, each in enumerate(own) if each.speaker == name]
    return {
        "name": name,
        "speeches": len(here),
        "words": sum(len(own[number].words) for number in here),
        "character": _likeness(likeness(voices.characters, heard.characters[here].sum(axis=0))),
        "author": _likeness(likeness(voices.authors, heard.authors[here].sum(axis=0))),
        "unusual": sum(heard.usual[number] != "usual" for number in here),
    }


def _speech(number: int, speech: Speech, voices: Voices, heard: Heard, habits: Habits) -> dict[str, Any]:
    return {
        "line": speech.line,
        "speaker": speech.speaker,
        "text": speech.text,
        "character": _likeness(likeness(voices.characters, heard.characters[number])),
        "author": _likeness(likeness(voices.authors, heard.authors[number])),
        "usual": heard.usual[number],
        "nats_per_character": round(float(heard.letters[number]), 4),
        "new_words": habits.new_words(speech),
        "new_turns": habits.new_turns(speech),
    }


def _likeness(found: Likeness | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"voice": found.voice, "how": found.how, "nats_ahead": round(found.ahead, 2), "next": found.next}


def _text(report: dict[str, Any], *, every: bool) -> Iterator[str]:
    yield "Whom your characters sound like"
    for person in report["characters"]:
        count = f"{person['speeches']} speech{'es' * (person['speeches'] != 1)}, {person['words']} words"
        yield f"  {person['name']} ({count}): {_said(person['character'])}"
        if person["author"]:
            yield f"    in the manner of {_said(person['author'])}"
        if person["unusual"]:
            yield f"    {person['unusual']} of them unusual beside the plays"
    yield from _tics(report["tics"])
    striking = [each for each in report["speeches"] if every or _is_striking(each)]
    shown = striking if every else striking[:_MOST_SHOWN]
    if shown:
        yield ""
        yield "Speeches" if every else "Speeches to look at"
    for each in shown:
        yield from _shown(each)
    if len(shown) < len(striking):
        yield f"  ... and {len(striking) - len(shown)} more: --all shows every speech"


def _tics(tics: Sequence[dict[str, Any]]) -> Iterator[str]:
    if tics:
        yield ""
        yield "What you use far more often than the plays"
    for tic in tics:
        expected = "never there" if tic["expected"] < 0.05 else f"{tic['expected']:.1f} times there"
        lines = ", ".join(map(str, tic["lines"]))
        yield f"  {tic['words']!r}: {tic['count']} times ({expected}), mostly {tic['speaker']}; lines {lines}"


def _is_striking(speech: dict[str, Any]) -> bool:
    return speech["usual"] != "usual" or bool(speech["new_turns"])


def _shown(speech: dict[str, Any]) -> Iterator[str]:
    text = textwrap.shorten(speech["text"], _WIDTH - 24, placeholder=" ...")
    yield f"  line {speech['line']}, {speech['speaker']}: {text}"
    found = [speech["usual"]] if speech["usual"] != "usual" else []
    if speech["character"] and speech["character"]["how"] != "perhaps":
        found.append(f"sounds like {_said(speech['character'])}")
    if speech["new_words"]:
        found.append("words that the plays never have: " + ", ".join(speech["new_words"]))
    if speech["new_turns"]:
        found.append("never together there: " + ", ".join(f"'{turn}'" for turn in speech["new_turns"]))
    yield from textwrap.wrap("; ".join(found), _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _said(found: dict[str, Any] | None) -> str:
    if found is None:
        return "the only one who says enough in these plays"
    after = f", or {found['next']}" if found["how"] == "perhaps" else ""
    return f"{found['how']} {found['voice']}{after}"
