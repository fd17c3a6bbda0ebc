"""What is said of a draft beside plays: whom its characters sound like, how usual each speech is, and its tics."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from scriptmodel_trainer.corpus.speeches import Speech
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.voices.habits import Habits
from scriptmodel_trainer.voices.speeches import Masked, straightened
from scriptmodel_trainer.voices.voices import Comparison, Likeness, Voices, likeness

Report = dict[str, Any]
"""Lists of dictionaries: `characters`, `tics` and `speeches`, as `voice --json` prints them, and a `doubt`."""
_FEWEST = 300


class VoiceCheck:
    """Reports on drafts beside the speeches of a corpus."""

    def __init__(self, corpus: Sequence[Speech]) -> None:
        self._corpus = straightened(corpus)
        self.names = frozenset(each.speaker.casefold() for each in corpus)
        self._drafted = frozenset[str]()
        self._built: tuple[Voices, Habits] | None = None

    def report(self, own: Sequence[Speech], draft: str) -> Report:
        """Return what is found of a draft; BadInputError if it has no speeches, or nobody in the corpus says enough."""
        if not own:
            raise BadInputError(f"{draft} has no speeches", "begin each with the speaker: `VIVIE. Good morning.`")
        words = sum(len(each.words) for each in own)
        few = f"{words} words are too little to tell: {_FEWEST} and more are" if words < _FEWEST else ""
        voices, habits = self._voices(frozenset(each.speaker for each in own))
        heard = voices.hear([each.text for each in own])
        return {
            "doubt": few,
            "characters": [_person(name, own, voices, heard) for name in dict.fromkeys(each.speaker for each in own)],
            "tics": [dataclasses.asdict(tic) for tic in habits.tics(own)],
            "speeches": [_speech(number, own[number], voices, heard, habits) for number in range(len(own))],
        }

    def _voices(self, speakers: frozenset[str]) -> tuple[Voices, Habits]:
        """Return the voices of the corpus without names of its speakers and of these; another draft has the same."""
        if self._built is None or self._drafted != speakers:
            masked = Masked((*(each.speaker for each in self._corpus), *speakers))
            self._built, self._drafted = (Voices(self._corpus, masked), Habits(self._corpus, masked)), speakers
        return self._built


def _person(name: str, own: Sequence[Speech], voices: Voices, heard: Comparison) -> dict[str, Any]:
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


def _speech(number: int, speech: Speech, voices: Voices, heard: Comparison, habits: Habits) -> dict[str, Any]:
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


def is_striking(speech: dict[str, Any]) -> bool:
    """Return whether a speech of a report is one to look at."""
    return speech["usual"] != "usual" or bool(speech["new_turns"])


def said(found: dict[str, Any] | None) -> str:
    """Return a likeness of a report in words."""
    if found is None:
        return "the only one who says enough in these plays"
    after = f", or {found['next']}" if found["how"] == "perhaps" else ""
    return f"{found['how']} {found['voice']}{after}"


def often(tic: dict[str, Any]) -> str:
    """Return how often a tic of a report is there, and how often a text of that length in the plays would have it."""
    expected = "never there" if tic["expected"] < 0.05 else f"{tic['expected']:.1f} times there"
    return f"{tic['count']} times ({expected}), mostly {tic['speaker']}"
