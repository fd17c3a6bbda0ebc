"""What is said of a draft beside plays: whom its characters sound like, by which words, and its tics."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from scriptmodel_trainer.corpus.speeches import Speech
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.voices.habits import Habits
from scriptmodel_trainer.voices.speeches import Turn, Turns, straightened
from scriptmodel_trainer.voices.voices import LONGEST, Likeness, Voices

Report = dict[str, Any]
"""Lists of dictionaries: `characters`, `tics` and `speeches`, as `voice --json` prints them, and a `doubt`."""
LEAST_WORDS = 500
"""Words that a character must have said to be known by the voice."""
_OF_A_CHARACTER, _OF_AN_AUTHOR = 5_000, 80_000
"""Turns of each that are compared."""
_FEWEST = 300


def report_on(own: Sequence[Speech], corpus: Sequence[Speech]) -> Report:
    """Return what is found of a draft beside the speeches of a corpus; BadInputError if nobody in it says enough."""
    corpus = straightened(corpus)
    turns = Turns(each.speaker for each in (*corpus, *own))
    habits = Habits(corpus, turns)
    said = [(each, [*turns(each, LONGEST)]) for each in corpus]
    by_character, by_author = _grouped(said, _character), _grouped(said, lambda each: each.author)
    words = {name: sum(len(turn) == 1 for speech in each for turn in speech) for name, each in by_character.items()}
    known = {name: each for name, each in by_character.items() if words[name] >= LEAST_WORDS}
    if not known:
        most = max(words.values(), default=0)
        problem = f"no character of the plays says {LEAST_WORDS} words, by which a voice is known; the most are {most}"
        raise BadInputError(problem, "give more plays with --with")
    usual = habits.counts
    characters, authors = Voices(known, _OF_A_CHARACTER, usual), Voices(by_author, _OF_AN_AUTHOR, usual)
    heard = [(each, [*turns(each, LONGEST)]) for each in own]
    count = sum(len(each.words) for each in own)
    people = []
    for name in dict.fromkeys(each.speaker for each in own):
        mine = [(each, spoken) for each, spoken in heard if each.speaker == name]
        together = [turn for _, spoken in mine for turn in spoken]
        people.append(
            {
                "name": name,
                "speeches": len(mine),
                "words": sum(len(each.words) for each, _ in mine),
                "character": _likeness(characters.likeness(together)),
                "author": _likeness(authors.likeness(together)),
            }
        )
    return {
        "doubt": f"{count} words are too little to tell: {_FEWEST} and more are" if count < _FEWEST else "",
        "characters": people,
        "tics": [dataclasses.asdict(tic) for tic in habits.tics(own)],
        "speeches": [
            {
                "line": each.line,
                "speaker": each.speaker,
                "text": each.text,
                "character": _likeness(characters.likeness(spoken)),
                "new_words": habits.new_words(each),
                "new_turns": habits.new_turns(each),
            }
            for each, spoken in heard
        ],
    }


def _character(speech: Speech) -> str:
    return f"{speech.speaker} ({speech.play})"


def _grouped(said: Sequence[tuple[Speech, list[Turn]]], key: Callable[[Speech], str]) -> dict[str, list[list[Turn]]]:
    found = defaultdict[str, list[list[Turn]]](list)
    for speech, turns in said:
        if name := key(speech):
            found[name].append(turns)
    return found


def _likeness(found: Likeness | None) -> dict[str, Any] | None:
    return {**dataclasses.asdict(found), "how": found.how, "ahead": round(found.ahead, 2)} if found else None


def is_striking(speech: dict[str, Any]) -> bool:
    """Return whether a speech of a report is one to look at."""
    return bool(speech["new_turns"])


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
